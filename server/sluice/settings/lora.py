"""LoRA adapters: small changes to the model, each one served as a model of its own."""

from os.path import expanduser
from typing import Annotated

from pydantic import Field

from sluice.settings.section import Mistake, Section


class Adapter(Section):
    """One of them."""

    name: Annotated[str, Field(min_length=1)]
    """What clients write in `model`."""
    path: Annotated[str, Field(min_length=1)]
    """Its folder, as peft saves it: adapter_config.json, and adapter_model.safetensors."""

    @property
    def folder(self) -> str:
        return expanduser(self.path)


def check_names(adapters: list[Adapter], names: list[str]) -> None:
    """Raises Mistake for a name that is another adapter's, or among the model's own `names`."""
    taken = dict.fromkeys(names, "the model itself")
    for number, adapter in enumerate(adapters):
        if adapter.name in taken:
            raise Mistake(f"the same name as {taken[adapter.name]}", "lora", str(number), "name")
        taken[adapter.name] = f"lora.{number}"
