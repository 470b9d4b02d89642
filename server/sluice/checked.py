"""The settings as whoever serves gets them: read, and checked against this machine."""

import os
import socket
from collections.abc import Callable, Sequence
from pathlib import Path

from sluice.admission import Tenants
from sluice.engine.devices import Device, Machine
from sluice.engine.vllm.adapters import check_adapters
from sluice.engine.vllm.model_folder import check_model
from sluice.engine.vllm.package import check_extra
from sluice.engine.vllm.trial import trial
from sluice.errors import shown
from sluice.settings import Settings, load
from sluice.settings.section import Mistake
from sluice.stderr import tell


def checked(
    config: Path | None, overrides: Sequence[str],
    also: Callable[[Settings, Device], None] = lambda settings, device: None,
) -> tuple[Settings, Device]:  # fmt: skip
    """The settings, and the device that they lead to. Loads no model. `also` is a further check, and may raise Mistake.

    Raises SettingsError for a mistake in them, a key that cannot be found, and what this machine cannot serve.
    """
    machine = Machine.look()

    def check(read: Settings) -> None:
        Tenants(read.tenants, os.environ, operators=read.operators.keys)
        machine.check(read)
        check_extra(read.engine.extra)
        check_model(read)
        check_adapters(read)
        also(read, machine.device(read.engine))

    settings = load(config, overrides, use=check)
    return settings, machine.device(settings.engine)


def thoroughly(settings: Settings, device: Device) -> None:
    """What takes its time: whether the host has an address, and what vLLM says. Raises Mistake."""
    host = settings.http.host
    try:
        socket.getaddrinfo(host or None, settings.http.port)
    except OSError as error:
        raise Mistake(f"{shown(host)}: {error.strerror}", "http", "host") from None
    if warning := trial(settings, device):
        tell(warning)
