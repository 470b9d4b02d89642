"""Soak a server with the real engine, and write docs/soak.md: `python -m tests.soak --minutes 30`."""

import argparse
import asyncio
import sys
from pathlib import Path

from tests.process import QUICK, started
from tests.soak.faults import REAL
from tests.soak.report import write
from tests.soak.run import Soak, soak

SEATS, BATCH = 40, 16
SETTINGS = {
    "http.port": 0, "traffic.concurrency": BATCH, "traffic.max_concurrency": SEATS, "engine.stall_timeout": 10,
    "engine.restarts": 1000,
}  # fmt: skip


async def run(minutes: float, every: float, seed: int) -> Soak:
    given = [word for key, value in SETTINGS.items() for word in ("--set", f"{key}={value}")]
    async with started("sluice", "serve", "configs/demo.yaml", *given, *QUICK) as server:
        await server.readiness("ready", within=500)
        return await soak(server, REAL, minutes=minutes, every=every, seed=seed, seats=SEATS)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--every", type=float, default=60, help="seconds between two faults of the engine, on average")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("docs"), help="the folder for soak.md and soak.png")
    options = parser.parse_args()
    result = asyncio.run(run(options.minutes, options.every, options.seed))
    write(result, f"python -m tests.soak {' '.join(sys.argv[1:])}".strip(), options.out)
    for complaint in result.complaints():
        print(complaint)
    print(f"{options.out / 'soak.md'}: {dict(result.tally.outcomes)}, {len(result.faults)} faults")
    return 1 if result.complaints() else 0


if __name__ == "__main__":
    sys.exit(main())
