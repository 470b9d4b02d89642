"""All that the doctor looks at, in the order in which it matters."""

from collections.abc import Callable, Iterator

from sluice.doctor import hardware, software, surroundings
from sluice.doctor.finding import Finding
from sluice.engine.gpus import gpus, host_memory, newest_cuda
from sluice.settings import Http


def examine(http: Http, say: Callable[[str], object]) -> Iterator[Finding]:
    """One finding after the other; `say` gets a word before each that takes its time. Changes nothing."""
    yield software.python()
    yield software.torch()
    say("asking the GPUs' driver")
    found = gpus()
    yield hardware.gpu(found)
    yield hardware.cuda(found, newest_cuda(), software.torch_cuda())
    yield from hardware.memory(host_memory(), found)
    say("asking the hub")
    yield surroundings.hub()
    yield surroundings.port(http)
    say("importing vLLM")
    yield software.vllm()
