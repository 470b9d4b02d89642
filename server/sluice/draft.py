"""`sluice init`: the settings for one model on this machine, as a YAML file that says why each of them is so."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import yaml

from sluice.admission.keys import digest, new_key
from sluice.engine.devices import Device, Machine
from sluice.engine.gpus import Gpu, Memory
from sluice.engine.vllm.memory.estimate import Estimate, estimate
from sluice.engine.vllm.memory.files import Unknown, read
from sluice.engine.vllm.memory.room import taken
from sluice.engine.vllm.memory.shape import Shape
from sluice.engine.vllm.model_folder import check_model
from sluice.settings import Settings
from sluice.settings.section import Mistake

Access = Literal["here", "keys"]
PARSERS = {
    "qwen2": ("hermes", None), "qwen3": ("hermes", "qwen3"), "qwen3_moe": ("hermes", "qwen3"),
    "gpt_oss": ("openai", "openai_gptoss"), "glm4_moe": ("glm45", "glm45"), "granite": ("granite", "granite"),
    "deepseek_v3": ("deepseek_v3", "deepseek_r1"), "kimi_k2": ("kimi_k2", "kimi_k2"),
}  # fmt: skip
"""By the config's `model_type`: vLLM's parsers of tool calls and of reasoning."""
DEMO_GRAMMARS = {"backend": "xgrammar", "disable_any_whitespace": True}
"""A small model may write nothing but white space."""
USUAL_TOKENS = 2048
"""Of a conversation with its answer, where nobody has said how long they are."""
MOST_RUNNING: dict[Device, int] = {"cpu": 16, "cuda": 256}
INSIDE_A_RUNNING = 4
"""How many may be inside for each that runs: three wait for it, for three answers at most."""
CHANGES = 6
"""What may have to be set for a model to fit, one after the other."""


@dataclass(frozen=True, slots=True)
class Draft:
    """`text`: the file. `key`: what the tenant sends; it is nowhere else."""

    text: str
    key: str | None


def draft(model: str, access: Access, machine: Machine, *, gpus: Sequence[Gpu], host: Memory) -> Draft:
    """Asks the hub for the sizes of a model that is not here. Raises Mistake for one that cannot be, or cannot fit."""
    values: dict[str, Any] = {"model": model, "engine": {"extra": {}}}
    settings = Settings.model_validate(values)
    check_model(settings)
    device = machine.device(settings.engine)
    try:
        files = read(settings)
    except Unknown as error:
        return written(values, device, access, f"What fits into memory is not known: {error}.", running=16)
    found = fitted(values, files, device, gpus, host)
    running = max(1, min(MOST_RUNNING[device], found.kv_tokens // min(USUAL_TOKENS, found.max_model_len)))
    if model == "demo":
        values["engine"]["extra"]["structured_outputs_config"] = DEMO_GRAMMARS
    else:
        tools, reasoning = PARSERS.get(str(files.config.get("model_type")), (None, None))
        values["engine"] |= {"tool_call_parser": tools, "reasoning_parser": reasoning}
    room = (
        f"About {found.kv_tokens:,} tokens fit into the KV cache: {found.full_length:g} × the longest sequence of "
        f"{found.max_model_len:,}."
    )
    return written(values, device, access, room, running)


def fitted(values: dict[str, Any], files: Any, device: Device, gpus: Sequence[Gpu], host: Memory) -> Estimate:
    """Sets what has to be set for it to fit. Raises Mistake if nothing does."""
    for _ in range(CHANGES):
        settings = Settings.model_validate(values)
        shape = Shape.of(files, settings.engine)
        try:
            found = estimate(settings, shape, device, gpus=gpus, host=host)
            if now := taken(settings, shape, device, gpus=gpus, host=host):
                raise now
            return found
        except Mistake as mistake:
            if mistake.works is None or mistake.place[0] != "engine":
                raise
            *above, name = mistake.place
            section = values
            for key in above:
                section = section[key]
            section[name] = mistake.works
    raise Mistake("it does not fit into this machine's memory", "model")


def written(values: dict[str, Any], device: Device, access: Access, room: str, running: int) -> Draft:
    engine, key = values["engine"], new_key() if access == "keys" else None
    lines = [
        "# By `sluice init`, for this machine. `sluice check` says whether it is right, `sluice serve` serves it.",
        line("model", values["model"]),
        "traffic:",
        f"  # {room}",
        line("concurrency", running, "sequences that run at once: the batch", 2),
        line("max_concurrency", INSIDE_A_RUNNING * running, "that may be inside; one more gets 429", 2),
        "engine:",
        line("device", device, "", 2),
        *(line(name, engine.get(name), why, 2) for name, why in ENGINE.items() if engine.get(name) is not None),
    ]
    if engine["extra"]:
        lines += [
            "  extra:  # vLLM's own arguments",
            *(line(name, value, "", 4) for name, value in engine["extra"].items()),
        ]
    lines += [
        "http:",
        line("host", "0.0.0.0" if key else "127.0.0.1", "all addresses" if key else "this machine only", 2),
    ]
    lines.append(line("port", 8000, "", 2))
    if key:
        source = f"sha256:{digest(key).hex()}"
        tenants = yaml.safe_dump({"tenants": [{"name": "default", "keys": [source]}]}, sort_keys=False)
        lines += [
            "# Who may use it; `sluice keys new` makes more keys, and one for /status and /metrics.",
            tenants.rstrip(),
        ]
    else:
        lines.append("# For others to use it: `sluice keys new --tenant NAME` makes a key, then host: 0.0.0.0.")
    return Draft("\n".join(lines) + "\n", key)


ENGINE = {
    "tensor_parallel_size": "GPUs that share each layer",
    "max_model_len": "tokens of the longest sequence; more do not fit into memory",
    "tool_call_parser": "vLLM's, for this kind of model",
    "reasoning_parser": "",
}


def line(name: str, value: Any, why: str = "", indent: int = 0) -> str:
    text = textwrap.indent(yaml.safe_dump({name: value}, default_flow_style=False).rstrip(), " " * indent)
    return f"{text:<30}# {why}" if why else text
