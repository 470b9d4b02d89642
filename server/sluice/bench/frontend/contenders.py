"""Who is compared: command lines that start servers."""

import json
import socket
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HOST = "127.0.0.1"


@dataclass(frozen=True)
class Contender:
    """`environ` is laid over this process's own; `binary` is a file that it needs beside Python."""

    name: str
    port: int
    command: Sequence[str]
    environ: Mapping[str, str] = field(default_factory=dict)
    binary: Path | None = None

    @property
    def slug(self) -> str:
        """Its name, for a file."""
        return self.name.lower().replace(", ", "-")

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"


def everything_on(conns: int, concurrency: int) -> list[str]:
    """Overrides of Sluice's settings: each limit is there and is checked, and none is reached."""
    return [
        f"traffic.concurrency={concurrency}", f"traffic.max_concurrency={concurrency + conns}",
        "traffic.max_waiting_tokens=1000000000", "traffic.queue_timeout=600", "traffic.first_token_timeout=600",
        "traffic.stall_timeout=600", "traffic.send_timeout=600", "traffic.timeout=600",
        "traffic.enforce=true", "tenants=[]",
    ]  # fmt: skip


def sluice(config: Path | None, overrides: Sequence[str]) -> Contender:
    port = free_port()
    given = [*overrides, f"http.host={HOST}", f"http.port={port}"]
    options = [part for override in given for part in ("--set", override)]
    return Contender(
        "Sluice", port, [sys.executable, "-m", "sluice", "serve", *([str(config)] if config else []), *options]
    )


def vllm(arguments: Mapping[str, Any], rust: Path | None = None) -> Contender:
    """`vllm serve` with these engine arguments, by vLLM's names; with its Rust front end if its binary is given."""
    port = free_port()
    options = {"host": HOST, "port": port} | {key: value for key, value in arguments.items() if key != "model"}
    command = [sys.executable, "-m", "sluice.bench.frontend.vllm_serve", "serve", str(arguments["model"])]
    environ = {"VLLM_NO_USAGE_STATS": "1", "VLLM_USE_RUST_FRONTEND": str(int(rust is not None))}
    if rust:
        environ["VLLM_RUST_FRONTEND_PATH"] = str(rust.absolute())
    return Contender("vLLM, Rust" if rust else "vLLM", port, [*command, *flags(options)], environ, binary=rust)


def reading(tools: str | None, reasoning: str | None) -> dict[str, Any]:
    """Arguments of `vllm serve` that have it read answers as Sluice does, with these of its parsers."""
    calls = {"enable_auto_tool_choice": True, "tool_call_parser": tools} if tools else {}
    return calls | ({"reasoning_parser": reasoning} if reasoning else {})


def flags(arguments: Mapping[str, Any]) -> Iterator[str]:
    """`max_num_seqs=4` → `--max-num-seqs 4`, as vLLM's command line writes its arguments."""
    for key, value in arguments.items():
        name = key.replace("_", "-")
        if isinstance(value, bool):
            yield f"--{name}" if value else f"--no-{name}"
        elif isinstance(value, list):
            yield from (f"--{name}", *map(str, value))
        else:
            yield from (f"--{name}", json.dumps(value) if isinstance(value, dict) else str(value))


def free_port() -> int:
    with socket.create_server((HOST, 0)) as listener:
        port: int = listener.getsockname()[1]
        return port
