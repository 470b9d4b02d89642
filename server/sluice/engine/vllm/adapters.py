"""LoRA adapters, as far as their files tell without vLLM, and as vLLM is told of them."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from sluice.engine.devices import Device
from sluice.engine.vllm.model_folder import has, read_object
from sluice.settings import Settings
from sluice.settings.lora import Adapter
from sluice.settings.section import Mistake

if TYPE_CHECKING:
    from vllm.lora.request import LoRARequest

CONFIG = "adapter_config.json"
WEIGHTS = ("adapter_model.safetensors", "adapter_model.bin", "adapter_model.pt")
RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)
"""Those that vLLM can be started with; an adapter of a smaller one fits."""


def check_adapters(settings: Settings) -> None:
    """Raises Mistake for a folder that is missing, or is not an adapter's."""
    for number in range(len(settings.lora)):
        check_adapter(settings, number)


def check_adapter(settings: Settings, number: int) -> None:
    """Raises Mistake."""
    adapter, place = settings.lora[number], ("lora", str(number), "path")
    folder = Path(adapter.folder)
    if not folder.is_dir():
        raise Mistake("there is no such folder", *place)
    missing = [CONFIG] if not (folder / CONFIG).exists() else []
    missing += [WEIGHTS[0]] if not has(folder, *WEIGHTS) else []
    if missing:
        raise Mistake(f"the folder has no {', no '.join(missing)}", *place)
    if rank(adapter, *place) > RANKS[-1]:
        raise Mistake(f"its rank is {rank(adapter, *place)}, and vLLM takes {RANKS[-1]} at most", *place)


def rank(adapter: Adapter, *place: str) -> int:
    """The largest of any layer. Raises Mistake if its file does not tell."""
    config = read_object(Path(adapter.folder) / CONFIG, *place)
    pattern = config.get("rank_pattern") or {}
    ranks = [config.get("r"), *(pattern.values() if isinstance(pattern, dict) else [pattern])]
    if config.get("peft_type") != "LORA" or not all(type(each) is int and each > 0 for each in ranks):
        raise Mistake(f"its {CONFIG} is not a LoRA adapter's (peft_type: LORA, r: its rank)", *place)
    return int(max(ranks))


def arguments(settings: Settings, device: Device) -> dict[str, Any]:
    """vLLM's engine arguments for them: all of them may be in one batch.

    On a CPU vLLM gives a sequence without an adapter, beside others that have one, what is in the last slot
    (vllm-project/vllm#48421): it is left empty there.
    """
    if not settings.lora:
        return {}
    slots = len(settings.lora) + (device == "cpu")
    largest = max(rank(adapter, "lora", str(number), "path") for number, adapter in enumerate(settings.lora))
    room = next((each for each in RANKS if each >= largest), largest)
    return {"enable_lora": True, "max_loras": slots, "max_lora_rank": room}


def requests(settings: Settings) -> "dict[str, LoRARequest]":
    """What goes with a sequence, by the adapter's name."""
    from vllm.lora.request import LoRARequest

    return {
        adapter.name: LoRARequest(adapter.name, number, adapter.folder, settings.names[0])
        for number, adapter in enumerate(settings.lora, 1)
    }
