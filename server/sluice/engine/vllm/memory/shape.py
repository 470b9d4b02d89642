"""What weights and KV cache take on one device, from the model's files."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from sluice.engine.vllm.memory.files import ModelFiles, Unknown
from sluice.settings import EngineSettings

BYTES = {
    "F64": 8, "F32": 4, "F16": 2, "BF16": 2, "F8_E4M3": 1, "F8_E5M2": 1, "F8_E8M0": 1, "F4": 0.5,
    "I64": 8, "U64": 8, "I32": 4, "U32": 4, "I16": 2, "U16": 2, "I8": 1, "U8": 1, "BOOL": 1,
}  # fmt: skip
"""Of the dtypes that safetensors has."""
CONVERTED = {"F64", "F32", "F16", "BF16"}
"""These become what `engine.dtype` says; what is quantized stays."""
DTYPES = {"half": 2, "float16": 2, "bfloat16": 2, "float": 4, "float32": 4}
CACHE_DTYPES = {"fp8": 1, "int8": 1, "bfloat16": 2, "float16": 2, "float32": 4}
"""How the names begin that vLLM has for what the KV cache is in."""
WITHOUT_CACHE = {"linear_attention", "conv", "mamba", "recurrent"}
"""Layers whose state does not grow with the sequence."""


@dataclass(frozen=True, slots=True)
class Shape:
    """`weights`: bytes on one device. `token_bytes`: of KV cache that each token takes in one layer of it.

    `full` layers keep all tokens, `windowed` ones the last `window`. `longest`: what the model's own config allows.
    """

    weights: int
    token_bytes: int
    full: int
    windowed: int
    window: int
    longest: int | None
    hidden: int
    inner: int
    vocabulary: int

    @classmethod
    def of(cls, files: ModelFiles, engine: EngineSettings) -> Self:
        """Raises Unknown for a config that does not tell, such as that of a model without attention."""
        config = files.config
        text = config.get("text_config") or config  # a model that sees has one for what it reads
        try:
            return cls.read(text, files, engine)
        except (LookupError, TypeError, ValueError, ZeroDivisionError) as error:
            raise Unknown(f"its config.json does not tell how large its KV cache is ({error})") from error

    @classmethod
    def read(cls, config: Mapping[str, Any], files: ModelFiles, engine: EngineSettings) -> Self:
        size = dtype_bytes(config, engine)
        stored = sum(
            count * (size if dtype in CONVERTED else BYTES.get(dtype, 1)) for dtype, count in files.parameters.items()
        )
        devices = engine.tensor_parallel_size * engine.pipeline_parallel_size
        total = int(config["num_hidden_layers"])
        kinds = list(config.get("layer_types") or ["full_attention"] * total)
        windowed = sum("sliding" in kind or "chunked" in kind for kind in kinds)
        without = sum(kind in WITHOUT_CACHE for kind in kinds)
        stages = engine.pipeline_parallel_size
        heads = int(config["num_attention_heads"])
        longest = config.get("max_position_embeddings")
        return cls(
            weights=math.ceil((stored + files.other_bytes) / devices),
            token_bytes=math.ceil(values_a_token(config, engine) * cache_bytes(engine, size)),
            full=math.ceil((total - windowed - without) / stages),
            windowed=math.ceil(windowed / stages),
            window=int(config.get("sliding_window") or config.get("attention_chunk_size") or 0) if windowed else 0,
            longest=int(longest) if longest else None,
            hidden=int(config.get("hidden_size", heads * 128)),
            inner=int(config.get("intermediate_size") or 0),
            vocabulary=int(config.get("vocab_size") or 0),
        )

    def cache_of(self, length: int) -> int:
        """Bytes of KV cache that a sequence of so many tokens takes on one device."""
        return self.token_bytes * (self.full * length + self.windowed * min(length, self.window))

    def fitting(self, room: int) -> int:
        """How many tokens the longest sequence has that fits into so many bytes."""
        each = self.token_bytes * (self.full + self.windowed)
        if not each or room < 0:
            return 0
        if not self.windowed or room // each <= self.window:
            return room // each
        left = room - self.token_bytes * self.windowed * self.window
        return left // (self.token_bytes * self.full) if self.full else self.longest or self.window


def dtype_bytes(config: Mapping[str, Any], engine: EngineSettings) -> int:
    """Of what is computed with; left open it is the config's, and vLLM takes no float32 from there."""
    if engine.dtype != "auto":
        return DTYPES[engine.dtype]
    return 2


def cache_bytes(engine: EngineSettings, otherwise: int) -> float:
    named = str(engine.extra.get("kv_cache_dtype", "auto"))
    return next((size for name, size in CACHE_DTYPES.items() if named.startswith(name)), otherwise)


def values_a_token(config: Mapping[str, Any], engine: EngineSettings) -> int:
    """Of one layer, on one device: keys and values of its heads, or what both are made of (MLA)."""
    if config.get("kv_lora_rank"):
        return int(config["kv_lora_rank"]) + int(config["qk_rope_head_dim"])
    heads = int(config["num_attention_heads"])
    groups = int(config.get("num_key_value_heads") or heads)
    head = int(config.get("head_dim") or int(config["hidden_size"]) // heads)
    return 2 * head * max(1, groups // engine.tensor_parallel_size)
