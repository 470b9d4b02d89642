"""What a person wants to know of a server that is ready, and what to copy to use it."""

import json

from sluice.engine.base import ModelInfo
from sluice.engine.devices import Device
from sluice.settings import Settings

QUESTION = "Count from 1 to 50."


def facts(settings: Settings, model: ModelInfo, device: Device, url: str) -> dict[str, str]:
    """Each by its name, in the order in which they are shown."""
    traffic, tokens = settings.traffic, model.kv_cache_tokens
    told = {
        "model": f"{settings.names[0]}, sequences of {model.max_model_len:,} tokens at most",
        "devices": f"{settings.engine.devices} × {device}",
    }
    if tokens is not None:
        fit = tokens / model.max_model_len
        told["KV cache"] = f"{tokens:,} tokens: {fit:.1f} sequences of full length fit at once"
    return told | {
        "concurrency": f"{traffic.concurrency or model.max_num_seqs} run at once",
        "max_concurrency": f"{traffic.max_concurrency} inside; one more gets 429"
        if traffic.max_concurrency
        else "no limit",
        "the page": f"{url}/",
    }


def examples(settings: Settings, model: ModelInfo, url: str) -> dict[str, str]:
    """What to paste into a shell, each below what it is for."""
    name, needs_key = settings.names[0], bool(settings.tenants)
    key = '"$SLUICE_API_KEY"' if needs_key else "none"
    claude = f"ANTHROPIC_BASE_URL={url} ANTHROPIC_API_KEY={key} ANTHROPIC_MODEL={name}"
    found = {
        "OpenAI's clients": f"export OPENAI_BASE_URL={url}/v1 OPENAI_API_KEY={key}",
        "Anthropic's": f"export ANTHROPIC_BASE_URL={url} ANTHROPIC_API_KEY={key}",
    }
    if "generate" not in model.tasks:
        return found
    return {
        "curl": curl(url, name, needs_key),
        "Python": python(url, name, needs_key),
        **found,
        "Claude Code": f"{claude} claude",
        "Codex": f"SLUICE_API_KEY={key} codex -m {name} -c model_provider=sluice "
        f'-c \'model_providers.sluice={{name="Sluice", base_url="{url}/v1", env_key="SLUICE_API_KEY", '
        f'wire_api="responses"}}\'',
        "here, in the terminal": f"sluice chat {url}",
    }


def curl(url: str, model: str, needs_key: bool) -> str:
    body = json.dumps({"model": model, "stream": True, "messages": [{"role": "user", "content": QUESTION}]})
    key = ' -H "Authorization: Bearer $SLUICE_API_KEY"' if needs_key else ""
    return f"curl -N {url}/v1/chat/completions -H 'Content-Type: application/json'{key} -d '{body}'"


def python(url: str, model: str, needs_key: bool) -> str:
    key = 'os.environ["SLUICE_API_KEY"]' if needs_key else '"none"'
    lines = [
        *(["import os"] if needs_key else []),
        "from openai import OpenAI",
        f'client = OpenAI(base_url="{url}/v1", api_key={key})',
        f'message = {{"role": "user", "content": "{QUESTION}"}}',
        f'for chunk in client.chat.completions.create(model="{model}", messages=[message], stream=True):',
        '    print(chunk.choices[0].delta.content or "", end="", flush=True)',
    ]
    return "\n".join(lines)
