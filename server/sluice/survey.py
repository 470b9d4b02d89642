"""`sluice check`: all that is wrong with the settings on this machine, and what they lead to."""

import os
import socket
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from sluice.admission import Tenants
from sluice.engine.devices import Device, Machine
from sluice.engine.gpus import gpus, host_memory
from sluice.engine.vllm.adapters import check_adapter
from sluice.engine.vllm.memory.estimate import Estimate, estimate
from sluice.engine.vllm.memory.files import Unknown, read
from sluice.engine.vllm.memory.room import taken
from sluice.engine.vllm.memory.shape import Shape
from sluice.engine.vllm.model_folder import check_model
from sluice.engine.vllm.package import mistakes_in
from sluice.engine.vllm.trial import trial, untried
from sluice.errors import SettingsError, shown
from sluice.settings import Settings, Sources
from sluice.settings.problem import Problem
from sluice.settings.section import Mistake, collecting

RESIZING = ("quantization", "cpu_offload_gb", "hf_overrides", "speculative_config", "kv_transfer_config")
"""Engine arguments that change what fits, in ways that the model's files do not tell."""


@dataclass
class Survey:
    """`memory`: what fits; `unknown`: why that cannot be told. `untried`: why vLLM was not asked about all of it."""

    problems: list[Problem]
    settings: Settings | None = None
    device: Device | None = None
    warnings: list[str] = field(default_factory=list)
    memory: Estimate | None = None
    unknown: str | None = None
    untried: str | None = None

    def document(self) -> dict[str, Any]:
        """As JSON has it."""
        settings = self.settings
        return {
            "fine": not self.problems,
            "problems": [
                {
                    "where": each.where,
                    "line": each.line,
                    "key": ".".join(each.place),
                    "message": each.message,
                    "works": each.works,
                }
                for each in self.problems
            ],
            "warnings": self.warnings,
            "model": settings and settings.model,
            "device": self.device,
            "devices": settings and settings.engine.devices,
            "concurrency": settings and settings.traffic.concurrency,
            "max_concurrency": settings and settings.traffic.max_concurrency,
            "memory": self.memory and asdict(self.memory),
            "memory_unknown": self.unknown,
            "not_tried": self.untried,
        }


def survey(config: Path | None, overrides: Sequence[str]) -> Survey:
    """Loads no model; takes the seconds that vLLM's import takes."""
    try:
        sources = Sources(config, overrides, os.environ)
    except SettingsError as error:  # nothing can be read
        return Survey([Problem("", (), str(error))])
    settings, problems = sources.tried()
    found = Survey(problems, settings)
    if settings is None:
        return found
    machine, mistakes = Machine.look(), list[Mistake]()
    for check in checks(settings, machine):
        with collecting(mistakes):
            check()
    mistakes += mistakes_in(settings.engine.extra)
    found.device, found.untried = machine.device(settings.engine), untried(settings)
    tried = trial(settings, found.device, deeply=not mistakes)
    found.warnings += [tried.warning] if tried.warning else []
    if not mistakes and not tried.mistakes:
        with collecting(mistakes):
            fit(found, settings, found.device, tried.longest)
    mistakes += tried.mistakes
    found.problems = sorted([*problems, *map(sources.told, mistakes)], key=lambda problem: problem.line or 0)
    return found


def checks(settings: Settings, machine: Machine) -> Iterator[Callable[[], object]]:
    """Each raises Mistake."""
    yield partial(Tenants, settings.tenants, os.environ, operators=settings.operators.keys)
    yield partial(machine.check, settings)
    yield partial(check_model, settings)
    yield from (partial(check_adapter, settings, number) for number in range(len(settings.lora)))
    yield partial(check_host, settings)


def check_host(settings: Settings) -> None:
    """Raises Mistake for one that has no address."""
    host = settings.http.host
    try:
        socket.getaddrinfo(host or None, settings.http.port)
    except OSError as error:
        raise Mistake(f"{shown(host)}: {error.strerror}", "http", "host", works="127.0.0.1") from None


def fit(found: Survey, settings: Settings, device: Device, longest: int | None) -> None:
    """Notes what fits into the devices' memory, or why that cannot be told. Raises Mistake for what does not fit.

    What others have taken of it is a warning: one of them may be the server that these settings are for.
    """
    engine = settings.engine
    if other := next((name for name in RESIZING if engine.extra.get(name)), None):
        found.unknown = f"engine.extra.{other} changes it"
        return
    here, host = gpus() if device == "cuda" else [], host_memory()
    if device == "cuda" and len(here) < engine.devices:
        found.unknown = "not all of its GPUs are in this machine"
        return
    try:
        shape = Shape.of(read(settings), engine)
    except Unknown as error:
        found.unknown = str(error)
        return
    found.memory = estimate(settings, shape, device, gpus=here, host=host, longest=longest)
    now = taken(settings, shape, device, gpus=here, host=host)
    found.warnings += [found.memory.warning] if found.memory.warning else []
    found.warnings += [f"At this moment it would not fit: {now}"] if now else []
