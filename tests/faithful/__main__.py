"""`python -m tests.faithful`: sends a corpus of requests to Sluice and to `vllm serve`, and tells where they differ.

`serve` starts the two servers and leaves them up, for `--urls`. `page` writes docs/faithful.md anew.
"""

import asyncio
import sys
from argparse import ArgumentParser
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from fnmatch import fnmatchcase

import httpx

from tests.faithful.answer import ask
from tests.faithful.compare import Difference, differences
from tests.faithful.corpus.case import Case
from tests.faithful.corpus.whole import corpus
from tests.faithful.page import PAGE, page, recorded
from tests.faithful.report import Report
from tests.faithful.servers import sluice_server, vllm_server, vllm_version

MOST_TRIES = 3


@asynccontextmanager
async def servers() -> AsyncIterator[list[str]]:
    print("Sluice and vLLM start", flush=True)
    async with AsyncExitStack() as stack:
        starting = [stack.enter_async_context(server()) for server in (sluice_server, vllm_server)]
        yield await asyncio.gather(*starting)


async def serve() -> None:
    async with servers() as urls:
        print(f"python -m tests.faithful --urls {' '.join(urls)}", flush=True)
        await asyncio.Event().wait()


async def compare(cases: list[Case], urls: list[str]) -> Report:
    """One request after another, so that no answer depends on what else is in the batch.

    What differs is asked for again: on a busy machine vLLM puts tokens of a stream together, and some of its parsers
    then let a marker through.
    """
    report = Report(len(cases))
    each_its_own = httpx.Limits(max_keepalive_connections=0)  # vLLM closes a connection after a 500, unsaid
    ours, theirs = (httpx.AsyncClient(base_url=url, timeout=120, limits=each_its_own) for url in urls)
    async with ours, theirs:
        for case in cases:
            tries, found = 0, list[Difference]()
            while tries == 0 or (tries < MOST_TRIES and not all(map(report.covers, found))):
                answers = await asyncio.gather(ask(ours, case), ask(theirs, case))
                tries, found = tries + 1, [*differences(case.name, *answers)]
            report.add(case, found, tries)
    return report


async def compare_with_own(cases: list[Case]) -> Report:
    async with servers() as urls:
        return await compare(cases, urls)


def conclude(report: Report, *, everything: bool) -> int:
    """1 if anything differs that is not deliberate, or if a deliberate difference is not seen any more."""
    stale = report.stale() if everything else []
    for pattern in stale:
        print(f"No request differs any more as the table of deliberate differences has it for {pattern}")
    print(report.table())
    print(f"{report.minutes}; {report.other.total()} requests differ in what is not deliberate")
    return bool(report.other or stale)


def main() -> int:
    parser = ArgumentParser(prog="python -m tests.faithful")
    parser.add_argument("what", nargs="?", choices=["compare", "serve", "page"], default="compare")
    parser.add_argument("--only", metavar="PATTERN", default="*", help="requests by their name, * for anything")
    parser.add_argument("--urls", nargs=2, metavar=("SLUICE", "VLLM"), help="servers that run already")
    parser.add_argument("--record", action="store_true", help="write the numbers of this run into docs/faithful.md")
    given = parser.parse_args()
    if given.what == "page":
        PAGE.write_text(page(recorded()))
        return 0
    if given.what == "serve":
        asyncio.run(serve())
        return 0
    cases = [case for case in corpus() if fnmatchcase(case.name, given.only)]
    report = asyncio.run(compare(cases, given.urls) if given.urls else compare_with_own(cases))
    if given.record:
        PAGE.write_text(page(report.record(vllm_version())))
    return conclude(report, everything=given.only == "*")


if __name__ == "__main__":
    sys.exit(main())
