"""What a model's files tell of its size: its config.json, and the headers of its safetensors.

Of a model that is not here, the hub is asked for these alone, some kilobytes.
"""

import json
import math
import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sluice.errors import one_line
from sluice.settings import Settings

CONFIG = "config.json"
LONGEST_HEADER_BYTES = 100_000_000
"""Of a safetensors file; the format's own limit."""
OTHER_WEIGHTS = ("*.bin", "*.pt", "*.pth", "*.gguf")


class Unknown(Exception):
    """The files do not tell, or are not to be had; the message says why, in one line."""


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """`parameters`: how many there are of each of the dtypes that safetensors has (BF16, F8_E4M3, …).

    `other_bytes`: of weights in other formats, as they are.
    """

    config: Mapping[str, Any]
    parameters: Mapping[str, int]
    other_bytes: int = 0


def read(settings: Settings) -> ModelFiles:
    """Those of a folder, else of the hub's cache, else of the hub. Raises Unknown."""
    folder = Path(settings.model_path)
    if folder.is_dir():
        return of_folder(folder)
    try:
        import huggingface_hub
    except ImportError:
        raise Unknown("the model is not here, and without huggingface_hub nobody can be asked for it") from None
    return of_hub(huggingface_hub, settings.model, settings.engine.extra.get("revision"))


def of_folder(folder: Path) -> ModelFiles:
    try:
        config = json.loads((folder / CONFIG).read_bytes())
        counted = Counter[str]()
        for path in folder.glob("*.safetensors"):
            counted.update(parameters(path))
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise Unknown(f"its files cannot be read: {one_line(error)}") from error
    others = 0 if counted else sum(path.stat().st_size for pattern in OTHER_WEIGHTS for path in folder.glob(pattern))
    return ModelFiles(config, counted, others)


def parameters(path: Path) -> Counter[str]:
    """Raises what reading and JSON raise. The header is in front: its length, in 8 bytes, then JSON."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if length > LONGEST_HEADER_BYTES:
            raise ValueError(f"{path.name} is not a safetensors file")
        header = json.loads(file.read(length))
    counted = Counter[str]()
    for name, tensor in header.items():
        if name != "__metadata__":
            counted[tensor["dtype"]] += math.prod(tensor["shape"])
    return counted


def of_hub(hub: Any, model: str, revision: str | None) -> ModelFiles:
    """`hub`: the package huggingface_hub. Its first question is one that it does not ask again and again."""
    if isinstance(cached := hub.try_to_load_from_cache(model, CONFIG, revision=revision), str):
        folder = Path(os.path.realpath(os.path.dirname(cached)))
        if any(folder.glob("*.safetensors")):
            return of_folder(folder)
    try:
        found = hub.get_safetensors_metadata(model, revision=revision, timeout=5)
        config = json.loads(Path(hub.hf_hub_download(model, CONFIG, revision=revision)).read_bytes())
    except hub.errors.GatedRepoError as error:
        raise Unknown("the model is gated") from error
    except Exception as error:  # httpx's, the hub's, JSON's
        raise Unknown(f"the hub does not tell: {one_line(error)[:200]}") from error
    return ModelFiles(config, found.parameter_count)
