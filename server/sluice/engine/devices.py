"""What devices this machine has, and whether the settings fit on them. Asked before anything is loaded."""

import os
import subprocess
from dataclasses import dataclass
from typing import Literal

from sluice.settings import EngineSettings, Settings
from sluice.settings.section import Mistake

Device = Literal["cpu", "cuda"]


@dataclass(frozen=True, slots=True)
class Machine:
    """The processor cores that this process may use, and the NVIDIA GPUs."""

    cores: int
    gpus: int

    @classmethod
    def look(cls) -> "Machine":
        return cls(len(os.sched_getaffinity(0)), count_gpus())

    def device(self, engine: EngineSettings) -> Device:
        if engine.device != "auto":
            return engine.device
        return "cuda" if self.gpus else "cpu"

    def check(self, settings: Settings) -> None:
        """Raises Mistake for what this machine cannot serve."""
        engine = settings.engine
        device = self.device(engine)
        ray = engine.extra.get("distributed_executor_backend") == "ray"
        if device == "cpu" and ray:
            raise Mistake("Ray needs GPUs; leave it out on a CPU", "engine", "extra", "distributed_executor_backend")
        if device == "cpu" and engine.pipeline_parallel_size > 1:
            raise Mistake(
                "vLLM's CPU build cannot do it; set it to 1, or use engine.tensor_parallel_size",
                "engine",
                "pipeline_parallel_size",
            )
        here, kind = (self.gpus, "GPU") if device == "cuda" else (self.cores, "processor core")
        if here < (1 if ray else engine.devices):
            key = next(
                (k for k in ("tensor_parallel_size", "pipeline_parallel_size", "workers") if getattr(engine, k) > 1),
                "device",
            )
            raise Mistake(
                f"{engine.workers} workers × {engine.tensor_parallel_size} tensor parallel × "
                f"{engine.pipeline_parallel_size} pipeline parallel need {engine.devices} {kind}s; "
                f"this machine has {here}",
                "engine",
                key,
                works="cpu" if key == "device" else here * getattr(engine, key) // engine.devices or None,
            )


def count_gpus() -> int:
    """NVIDIA GPUs that this process may use, asked without loading CUDA into it."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return len([name for name in visible.split(",") if name.strip() not in ("", "-1")])
    try:
        listed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return 0
    return sum(line.startswith("GPU ") for line in listed.stdout.splitlines())
