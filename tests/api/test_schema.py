"""Whatever OpenAPI's description allows, or does not: no answer is our fault, and each is one that is described."""

import asyncio
import json
import sys
from pathlib import Path

import httpx

from tests.process import Process, started

CHECKS = (
    "not_a_server_error", "status_code_conformance", "content_type_conformance", "response_schema_conformance",
    "unsupported_method",
)  # fmt: skip
EXAMPLES = 2
"""Of each operation, beside those that cover every field's kinds and bounds."""
SETTINGS = {"http.port": 0, "traffic.concurrency": 16, "traffic.max_concurrency": 64}


async def run(server: Process, folder: Path) -> str:
    """What schemathesis has to say. Raises AssertionError if it has found anything."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-W", "ignore", "-m", "schemathesis.cli", "run", f"{server.url}/openapi.json",
        "--checks", ",".join(CHECKS), "--max-examples", str(EXAMPLES), "--phases", "examples,coverage,fuzzing",
        "--seed", "1", "--generation-database", "none", "--no-color",
        cwd=folder, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    said = (await process.communicate())[0].decode()
    assert process.returncode == 0, said[-10_000:]
    return said


async def test_no_request_finds_an_answer_that_is_not_described(tmp_path: Path) -> None:
    async with started("tests.serve_fake", json.dumps(SETTINGS), "{}") as server:
        await server.readiness("ready")
        async with httpx.AsyncClient(base_url=server.url, timeout=30) as client:
            paths = (await client.get("/openapi.json")).json()["paths"]
        said = await run(server, tmp_path)
        await server.has(admitted=0, running=0, waiting=0)
    assert f"Tested: {sum(map(len, paths.values()))}" in said
    assert not any("Traceback" in line for line in server.lines)
