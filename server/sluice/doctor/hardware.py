"""The GPUs, their driver, and memory."""

from collections.abc import Sequence

from sluice.doctor.finding import Finding
from sluice.engine.gpus import Gpu, Memory
from sluice.engine.vllm.memory.room import GIB, UTILIZATION, down

LEAST_FREE_BYTES = 2 * GIB
"""Of the host: what vLLM itself takes before it has loaded anything."""


def gpu(found: Sequence[Gpu]) -> Finding:
    if not found:
        return Finding("gpu", "fine", "no NVIDIA GPU with a driver: models run on the CPU")
    names = ", ".join(sorted({each.name for each in found}))
    return Finding("gpu", "fine", f"{len(found)} × {names}, driver {found[0].driver}")


def cuda(found: Sequence[Gpu], newest: tuple[int, int] | None, built: str | None) -> Finding:
    """`newest`: that the driver knows; `built`: that torch was built with. Minor versions of one CUDA go together."""
    if not found:
        if built is None:
            return Finding("cuda", "fine", "not needed")
        return Finding(
            "cuda", "mind", f"torch is built for CUDA {built}, and there is no GPU",
            "nvidia-smi has to list one; for the CPU: make install DEVICE=cpu",
        )  # fmt: skip
    if built is None:
        return Finding("cuda", "wrong", "torch is built for CPUs, and there is a GPU", "make install DEVICE=cuda")
    if newest is None:
        return Finding("cuda", "mind", "the driver does not tell which CUDA it knows", "look at nvidia-smi")
    told = f"{newest[0]}.{newest[1]}"
    if newest[0] < int(built.partition(".")[0]):
        return Finding(
            "cuda", "wrong", f"the driver knows CUDA {told}, and torch is built for {built}",
            f"install a newer driver, one for CUDA {built}",
        )  # fmt: skip
    return Finding("cuda", "fine", f"torch is built for {built}, the driver knows {told}")


def memory(host: Memory, found: Sequence[Gpu]) -> list[Finding]:
    """The host's, and that of each GPU."""
    findings = [Finding("memory", "fine", room(host))]
    if host.free < LEAST_FREE_BYTES:
        findings = [Finding("memory", "wrong", room(host), "end what takes it: vLLM itself needs 2 GiB")]
    for number, each in enumerate(found):
        name, said = f"gpu {number} memory", room(each.memory)
        fits = each.memory.free / each.memory.total
        if fits >= UTILIZATION:
            findings.append(Finding(name, "fine", said))
        else:
            mend = "end what takes it (nvidia-smi lists it), or set engine.extra.gpu_memory_utilization to "
            findings.append(Finding(name, "mind", said, f"{mend}{max(down(fits), 0.01)}"))
    return findings


def room(memory: Memory) -> str:
    return f"{memory.free / GIB:.1f} of {memory.total / GIB:.1f} GiB are free"
