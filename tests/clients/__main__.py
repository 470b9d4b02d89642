"""`python -m tests.clients [NAME …] [--url URL]`: other people's clients against a live Sluice.

A client is a script below scripts/, run in an environment of its own: it works with the client to the end, and prints
`did: …` for each thing that it has done. Beside it is what it needs: `NAME.txt` for pip, `NAME.json` for npm; what has
neither is run by this Python.
"""

import asyncio
import sys
from argparse import ArgumentParser
from contextlib import AsyncExitStack

from tests.clients.client import CLIENTS, Client, Run
from tests.clients.page import PAGE, page, table
from tests.process import QUICK, started

GREEDY = ("--set", "engine.extra.override_generation_config={temperature: 0, max_new_tokens: 300}")
"""For clients that let nobody say so."""


async def main(clients: list[Client], url: str | None) -> int:
    """One client after another. 1 if one has failed; the page is written when all have been run."""
    async with AsyncExitStack() as stack:
        if url is None:
            print("Starting Sluice", flush=True)
            serve = ("sluice", "serve", "configs/demo.yaml", "--set", "http.port=0", *QUICK, *GREEDY)
            server = await stack.enter_async_context(started(*serve))
            await server.readiness("ready", within=600)
            url = server.url
        runs = [await run(client, url, f"{number}/{len(clients)}") for number, client in enumerate(clients, 1)]
    print(f"\n{table(runs)}")
    if len(runs) == len(CLIENTS):
        PAGE.write_text(page(runs))
    failed = [each.client.name for each in runs if not each.passed]
    print(f"{len(runs) - len(failed)} of {len(runs)} passed" + (f"; failed: {', '.join(failed)}" if failed else ""))
    return bool(failed)


async def run(client: Client, url: str, place: str) -> Run:
    print(f"{place} {client.name}", flush=True)
    done = await client.run(url)
    print(f"    {'passed' if done.passed else 'FAILED'} after {done.seconds:.0f} s: {'; '.join(done.did)}", flush=True)
    if not done.passed:
        print(done.said, flush=True)
    return done


if __name__ == "__main__":
    parser = ArgumentParser(prog="python -m tests.clients")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(client.name for client in CLIENTS))
    parser.add_argument("--url", help="a Sluice that runs already")
    given = parser.parse_args()
    if unknown := set(given.names) - {client.name for client in CLIENTS}:
        parser.error(f"there is no client {', '.join(sorted(unknown))}")
    chosen = [client for client in CLIENTS if not given.names or client.name in given.names]
    sys.exit(asyncio.run(main(chosen, given.url)))
