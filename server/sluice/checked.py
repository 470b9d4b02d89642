"""The settings as whoever serves gets them: read, and checked against this machine."""

import os
from collections.abc import Sequence
from pathlib import Path

from sluice.admission import Tenants
from sluice.engine.devices import Device, Machine
from sluice.engine.vllm.adapters import check_adapters
from sluice.engine.vllm.model_folder import check_model
from sluice.engine.vllm.package import check_extra
from sluice.settings import Settings, load


def checked(config: Path | None, overrides: Sequence[str]) -> tuple[Settings, Device]:
    """The settings, and the device that they lead to. Loads no model.

    Raises SettingsError for a mistake in them, a key that cannot be found, and what this machine cannot serve.
    """
    machine = Machine.look()

    def check(read: Settings) -> None:
        Tenants(read.tenants, os.environ, operators=read.operators.keys)
        machine.check(read)
        check_extra(read.engine.extra)
        check_model(read)
        check_adapters(read)

    settings = load(config, overrides, use=check)
    return settings, machine.device(settings.engine)
