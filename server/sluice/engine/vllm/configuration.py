"""vLLM's configuration, made by vLLM itself: what it refuses is a mistake in the settings, and has a key."""

import os
import re
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from pydantic import ConfigDict, PydanticUserError, TypeAdapter, ValidationError

from sluice.engine.vllm.cause import explained
from sluice.engine.vllm.chatting import check_names
from sluice.errors import one_line, shown
from sluice.settings import EngineSettings, Settings
from sluice.settings.models import SETTINGS_OF_ARGUMENTS
from sluice.settings.section import Mistake

if TYPE_CHECKING:
    from vllm.config import VllmConfig


def configure(settings: Settings, arguments: dict[str, Any]) -> "VllmConfig":
    """Loads no weights, but imports vLLM, and fetches what is not here. Raises Mistake."""
    from vllm.engine.arg_utils import AsyncEngineArgs

    extra = settings.engine.extra
    check_kinds(extra)
    check_names(*settings.parsers)
    try:
        engine = AsyncEngineArgs(**arguments)
        if "max_num_batched_tokens" not in extra and engine.create_model_config().runner_type == "pooling":
            engine.max_num_batched_tokens = None  # what is pooled is often read in one go
        return engine.create_engine_config()
    except ValidationError as error:
        first = error.errors()[0]
        message = first["msg"].removeprefix("Value error, ")
        if known := explained(message, settings):
            raise known from error
        raise Mistake(f"vLLM: {shown(message)}", *place(str(first["loc"][:1]), message, extra)) from error
    except Exception as error:
        if not is_here(settings):  # it may be the network's
            raise
        raise Mistake(f"vLLM: {shown(one_line(error))}", *place("", str(error), extra)) from error


def check_kinds(extra: dict[str, Any]) -> None:
    """Raises Mistake for what is not of the kind that vLLM declares: it looks at that late, or never. Imports vLLM."""
    for name, value in extra.items():
        check_kind(name, value)


def check_kind(name: str, value: Any) -> None:
    """Raises Mistake."""
    from vllm.engine.arg_utils import AsyncEngineArgs

    kind = next(field.type for field in fields(AsyncEngineArgs) if field.name == name)
    if isinstance(kind, str):  # it names what only a type checker imports
        return
    try:
        known: TypeAdapter[Any] = TypeAdapter(kind, config=ConfigDict(arbitrary_types_allowed=True))
    except PydanticUserError:  # a dataclass has a configuration of its own
        known = TypeAdapter(kind)
    try:
        found = known.validate_python(value)
    except ValidationError as error:
        first = error.errors()[0]
        inner = (str(key) for key in first["loc"]) if isinstance(value, dict) else ()
        raise Mistake(f"vLLM: {shown(first['msg'])}", "engine", "extra", name, *inner) from None
    if isinstance(found, bool | int | float) and isinstance(value, bool | str) and type(found) is not type(value):
        raise Mistake(f"vLLM: it has to be of the type {type(found).__name__}", "engine", "extra", name, works=found)


def place(first: str, message: str, extra: dict[str, Any]) -> tuple[str, ...]:
    """The setting that one of the two texts speaks of, the first one before the second."""
    for text in (first, message):
        for name in (*extra, *SETTINGS_OF_ARGUMENTS):
            if name != "model" and re.search(rf"\b{re.escape(name).replace('_', '[ _]')}\b", text):
                return ("engine", "extra", name) if name in extra else tuple(SETTINGS_OF_ARGUMENTS[name].split("."))
    return ("engine", "reasoning_parser") if "parser" in message.lower() else ("model",)


def is_here(settings: Settings) -> bool:
    """Nothing would have to be fetched for the configuration."""
    return all(os.path.isdir(name) for name in (settings.model_path, *others(settings.engine)))


def others(engine: EngineSettings) -> list[str]:
    """What else `extra` has vLLM read."""
    speculative = engine.extra.get("speculative_config")
    named = [engine.extra.get("tokenizer"), engine.extra.get("hf_config_path")]
    named += [speculative.get("model")] if isinstance(speculative, dict) else []
    return [name for name in named if isinstance(name, str)]
