"""The settings as whoever serves gets them: read, and checked against this machine."""

import os
from collections.abc import Sequence
from pathlib import Path

from sluice.admission import Tenants
from sluice.engine.devices import Device, Machine
from sluice.engine.vllm.package import check_extra
from sluice.settings import Settings, load


def checked(config: Path | None, overrides: Sequence[str]) -> tuple[Settings, Device]:
    """The settings, and the device that they lead to. Loads no model.

    Raises SettingsError for a mistake in them, a key that cannot be found, and what this machine cannot serve.
    """
    settings = load(
        config, overrides, use=lambda read: Tenants(read.tenants, os.environ, operators=read.operators.keys)
    )
    machine = Machine.look()
    machine.check(settings)
    check_extra(settings.engine.extra)
    return settings, machine.device(settings.engine)
