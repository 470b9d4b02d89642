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
from tests.clients.page import PAGE, page
from tests.process import QUICK, started


async def main(clients: list[Client], url: str | None) -> int:
    """One client after another. 1 if one has failed; the page is written when all have been run."""
    for client in clients:
        await client.install()
    async with AsyncExitStack() as stack:
        if url is None:
            serve = ("sluice", "serve", "configs/demo.yaml", "--set", "http.port=0", *QUICK)
            server = await stack.enter_async_context(started(*serve))
            await server.readiness("ready", within=600)
            url = server.url
        runs = [await run(client, url) for client in clients]
    if len(runs) == len(CLIENTS):
        PAGE.write_text(page(runs))
    return any(not each.passed for each in runs)


async def run(client: Client, url: str) -> Run:
    done = await client.run(url)
    print(f"{client.name} {done.version}: {'; '.join(done.did)}: {'passed' if done.passed else 'FAILED'}", flush=True)
    if not done.passed:
        print(done.said, flush=True)
    return done


if __name__ == "__main__":
    parser = ArgumentParser(prog="python -m tests.clients")
    parser.add_argument("names", nargs="*", metavar="NAME", choices=[client.name for client in CLIENTS])
    parser.add_argument("--url", help="a Sluice that runs already")
    given = parser.parse_args()
    chosen = [client for client in CLIENTS if not given.names or client.name in given.names]
    sys.exit(asyncio.run(main(chosen, given.url)))
