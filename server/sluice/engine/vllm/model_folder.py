"""The model, as far as its files tell without vLLM."""

import json
import re
from pathlib import Path
from typing import Any

from sluice.settings import Settings
from sluice.settings.section import Mistake

ELSEWHERE = r"\w[\w.-]*(/[\w.-]+)?(:[\w.-]+)?|\w+://.+"
"""A Hugging Face id, with vLLM's choice of a file in it, or a URL."""
COMMIT = "[0-9a-f]{40}"
WEIGHTS = ("*.safetensors", "*.bin", "*.pt", "*.pth", "*.gguf")
TOKENIZERS = ("*token*", "*vocab*", "*tekken*", "spiece*", "*.gguf")
BESIDE_TOKENIZERS = {"tokenizer_config.json", "special_tokens_map.json", "added_tokens.json"}
INDEX = "model.safetensors.index.json"


def check_model(settings: Settings) -> None:
    """Raises Mistake for a folder that does not exist, or lacks what vLLM would look for. Fetches nothing."""
    folder, extra = Path(settings.model_path), settings.engine.extra
    if folder.is_dir():
        check_folder(folder, extra)
    elif not (folder.exists() or re.fullmatch(ELSEWHERE, settings.model)):
        raise Mistake("there is no such folder", "model")
    else:
        check_code(extra)


def check_code(extra: dict[str, Any]) -> None:
    """A model's own code is what was looked at, and not what its owner puts there next."""
    told = str(extra.get("code_revision") or extra.get("revision") or "")
    if extra.get("trust_remote_code") and not re.fullmatch(COMMIT, told):
        raise Mistake(
            "it runs the model's own code: pin that to a commit, with 40 digits, in engine.extra.code_revision (or "
            "revision), or download the model",
            "engine", "extra", "trust_remote_code",
        )  # fmt: skip


def check_folder(folder: Path, extra: dict[str, Any]) -> None:
    missing = []
    if "hf_config_path" not in extra and not has(folder, "config.json", "params.json"):
        missing.append("config.json")
    if not extra.keys() & {"load_format", "model_weights"}:
        missing += missing_weights(folder)
    found = {path.name for pattern in TOKENIZERS for path in folder.glob(pattern)} - BESIDE_TOKENIZERS
    if not (found or extra.keys() & {"tokenizer", "skip_tokenizer_init"}):
        missing.append("tokenizer (tokenizer.json)")
    if missing:
        raise Mistake(f"the folder has no {', no '.join(missing)}", "model")
    if (folder / "config.json").exists():
        read_object(folder / "config.json", "model")


def missing_weights(folder: Path) -> list[str]:
    if not has(folder, *WEIGHTS):
        return ["weights (*.safetensors)"]
    if not (folder / INDEX).exists():
        return []
    parts = read_object(folder / INDEX, "model").get("weight_map")
    names = set(map(str, parts.values())) if isinstance(parts, dict) else set()
    return sorted(name for name in names if not (folder / name).exists())[:3]


def has(folder: Path, *patterns: str) -> bool:
    return any(True for pattern in patterns for _ in folder.glob(pattern))


def read_object(path: Path, *place: str) -> dict[str, Any]:
    """Raises Mistake about that place."""
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise Mistake(f"its {path.name} is not a JSON object that can be read", *place)
    return found
