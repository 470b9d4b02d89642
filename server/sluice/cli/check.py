"""`sluice check`: are the settings right, and can this machine serve them?"""

import json

import typer

from sluice.cli.options import AsJson, Config, Set
from sluice.stderr import tell
from sluice.survey import Survey, survey

MIB, GIB = 1024**2, 1024**3


def check(config: Config = None, overrides: Set = [], as_json: AsJson = False) -> None:  # noqa: B006 - typer copies it
    """Find all that is wrong with the settings, and what fits into memory. Loads no model. Exit 2 for a mistake."""
    found = survey(config, overrides)
    if as_json:
        print(json.dumps(found.document(), indent=2))
    else:
        for line in (*map(str, found.problems), *found.warnings):
            tell(line)
        if not found.problems:
            print(f"{config or 'defaults'}: fine. {summary(found)}")
    if found.problems:
        raise typer.Exit(2)


def summary(found: Survey) -> str:
    settings = found.settings
    assert settings is not None, "there are problems"
    parts = [
        f"{settings.model} on {settings.engine.devices} × {found.device}, "
        f"concurrency {settings.traffic.concurrency or 'the default of the engine'}, "
        f"max_concurrency {settings.traffic.max_concurrency or 'unlimited'}"
    ]
    if found.memory is not None:
        memory = found.memory
        parts.append(
            f"On each device about {size(memory.weights)} of weights and {size(memory.kv_cache)} of KV cache, "
            f"{memory.kv_token:,} bytes a token: {memory.kv_tokens:,} tokens in all, "
            f"{memory.full_length:g} × the longest sequence of {memory.max_model_len:,}"
        )
    if found.unknown is not None:
        parts.append(f"What fits into memory is not known: {found.unknown}")
    if found.untried is not None:
        parts.append(f"Not tried with vLLM: {found.untried}")
    return ". ".join(parts)


def size(amount: int) -> str:
    return f"{amount / GIB:.2f} GiB" if amount >= GIB else f"{amount / MIB:.1f} MiB"
