"""`python -m tests.faithful`: sends a corpus of requests to Sluice and to `vllm serve`, and tells where they differ.

`python -m tests.faithful page` writes what docs/faithful.md is made of.
"""

import asyncio
import sys
from argparse import ArgumentParser
from collections import Counter
from contextlib import AsyncExitStack
from fnmatch import fnmatchcase

import httpx

from tests.faithful.answer import ask
from tests.faithful.compare import Difference, differences
from tests.faithful.corpus.case import Case
from tests.faithful.corpus.whole import corpus
from tests.faithful.deliberate import DELIBERATE, Deliberate
from tests.faithful.page import page
from tests.faithful.servers import sluice_server, vllm_server


async def compare(cases: list[Case], urls: list[str]) -> list[Difference]:
    """One request after another, so that no answer depends on what else is in the batch."""
    found = list[Difference]()
    async with AsyncExitStack() as stack:
        if not urls:
            urls = [await stack.enter_async_context(server()) for server in (sluice_server, vllm_server)]
        clients = [await stack.enter_async_context(httpx.AsyncClient(base_url=url, timeout=120)) for url in urls]
        for case in cases:
            sluice, vllm = await asyncio.gather(*(ask(client, case) for client in clients))
            found += differences(case.name, sluice, vllm)
    return found


def report(cases: list[Case], found: list[Difference], *, everything: bool) -> int:
    """Prints what is not deliberate; 1 if there is any, or if a deliberate difference is not seen any more."""
    meant = Counter[Deliberate]()
    others = list[Difference]()
    for difference in found:
        reasons = [each for each in DELIBERATE if each.covers(difference)]
        meant.update(reasons)
        if not reasons:
            others.append(difference)
    stale = [each for each in DELIBERATE if everything and each not in meant]
    for other in others:
        print(other)
    for each in stale:
        print(f"No request shows the deliberate difference {each.case} at {each.at}")
    requests = len({other.case for other in others})
    print(
        f"{len(cases)} requests: {len(found) - len(others)} deliberate differences; {len(others)} others, of {requests}"
    )
    return bool(others or stale)


def main() -> int:
    parser = ArgumentParser(prog="python -m tests.faithful")
    parser.add_argument("what", nargs="?", choices=["compare", "page"], default="compare")
    parser.add_argument("--only", metavar="PATTERN", default="*", help="requests by their name, * for anything")
    parser.add_argument("--urls", nargs=2, metavar=("SLUICE", "VLLM"), default=[], help="servers that run already")
    given = parser.parse_args()
    if given.what == "page":
        print(page(), end="")
        return 0
    cases = [case for case in corpus() if fnmatchcase(case.name, given.only)]
    found = asyncio.run(compare(cases, given.urls))
    return report(cases, found, everything=given.only == "*")


if __name__ == "__main__":
    sys.exit(main())
