"""`sluice check`: are the settings right, and can this machine serve them?"""

import os

from server.admission import Tenants
from server.cli.options import Config, Set
from server.engine.devices import Machine
from server.engine.package import check_extra
from server.settings import load


def check(config: Config = None, overrides: Set = []) -> None:  # noqa: B006 - typer copies it
    """Read the settings, and see whether this machine can serve them. Loads no model."""
    settings = load(config, overrides)
    machine = Machine.look()
    machine.check(settings)
    check_extra(settings.engine.extra)
    Tenants(settings.tenants, os.environ)
    traffic, engine = settings.traffic, settings.engine
    print(
        f"{config or 'defaults'}: fine. {settings.model} on {engine.devices} × {machine.device(engine)}, "
        f"concurrency {traffic.concurrency or 'the default of the engine'}, "
        f"max_concurrency {traffic.max_concurrency or 'unlimited'}"
    )
