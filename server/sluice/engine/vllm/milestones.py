"""How far vLLM's processes have come with their start, as they tell it in their logs, which nobody else is shown."""

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sluice.engine.base import Loading

STAGES = (
    "importing vLLM", "reading the model's configuration", "starting the engine's processes", "fetching the model",
    "loading the weights", "making room for the KV cache", "warming up",
)  # fmt: skip
IMPORTING, CONFIGURING, STARTING_PROCESSES, FETCHING, WEIGHTS, KV_CACHE, WARMING_UP = range(len(STAGES))
MARKS = (
    (FETCHING, re.compile(r"Starting to load model")),
    (WEIGHTS, re.compile(r"Time spent downloading weights|checkpoint shards: +(\d+)% Completed")),
    (KV_CACHE, re.compile(r"Loading weights took|Model loading took")),
    (WARMING_UP, re.compile(r"Warming up model|KV cache size: |Capturing CUDA graphs.*: +(\d+)%")),
)
"""What begins a stage, and the percentage of it that is done."""
UNASKED = re.compile(r"\b(INFO|DEBUG) \d\d-\d\d \d\d:\d\d:\d\d \[")
LEVEL, OWN_LEVEL = "VLLM_LOGGING_LEVEL", "WARNING"
"""The variable, and what it is where the user has not said anything else."""


class Milestones:
    """`heard` is called on another thread, and so is `report`: with what comes after the last, and nothing once it
    `is_over`.
    """

    def __init__(self, report: Callable[[Loading], object]) -> None:
        self.report = report
        self.last = (STARTING_PROCESSES, 0.0)
        self.is_over = False
        self.is_ours = False

    @contextmanager
    def told(self) -> Iterator[None]:
        """What is started inside tells more than the user has asked for. Only this hears of that."""
        if os.environ.get(LEVEL, OWN_LEVEL) != OWN_LEVEL or "VLLM_LOGGING_CONFIG_PATH" in os.environ:
            yield
            return
        self.is_ours = True
        before = os.environ.get(LEVEL)
        os.environ[LEVEL] = "INFO"
        try:
            yield
        finally:
            os.environ.pop(LEVEL) if before is None else os.environ.update({LEVEL: before})

    def heard(self, line: str) -> bool:
        """A line of what they write. Returns whether it is for nobody else."""
        for stage, mark in () if self.is_over else MARKS:
            found = mark.search(line)
            if found is not None:
                part = int(found[1]) / 100 if mark.groups and found[1] else None
                self.enter(stage, part)
        return self.is_ours and UNASKED.search(line) is not None

    def enter(self, stage: int, part: float | None) -> None:
        """Several processes tell the same; only what is further on is told."""
        if (stage, part or 0.0) > self.last:
            self.last = (stage, part or 0.0)
            self.report(Loading(STAGES, stage + 1, part))
