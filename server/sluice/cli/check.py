"""`sluice check`: are the settings right, and can this machine serve them?"""

from sluice.checked import checked, thoroughly
from sluice.cli.options import Config, Set
from sluice.engine.vllm.trial import untried


def check(config: Config = None, overrides: Set = []) -> None:  # noqa: B006 - typer copies it
    """Read the settings, and see whether this machine and vLLM can serve them. Loads no model."""
    settings, device = checked(config, overrides, also=thoroughly)
    traffic, engine = settings.traffic, settings.engine
    print(
        f"{config or 'defaults'}: fine. {settings.model} on {engine.devices} × {device}, "
        f"concurrency {traffic.concurrency or 'the default of the engine'}, "
        f"max_concurrency {traffic.max_concurrency or 'unlimited'}"
        f"{f'. Not tried with vLLM: {why}' if (why := untried(settings)) else ''}"
    )
