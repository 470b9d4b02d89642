"""The settings, read again while the server runs: on SIGHUP, and when the file's content changes."""

import asyncio
import signal
from collections.abc import Callable, Sequence
from pathlib import Path

from watchfiles import awatch

from sluice.errors import SettingsError
from sluice.settings import Settings, differences, load
from sluice.settings.section import Mistake

LIVE = ("traffic", "tenants", "operators")
SETTLED = 200
"""Milliseconds without another write after which a file is taken for complete."""


class Reload:
    """Applies what may change while the server runs, all of it or nothing; `announce` gets a line for people.

    `settings` are those in force; `apply` raises Mistake, and then has changed nothing. Nothing is read before `loaded`
    is set, and then what has changed until then.
    """

    def __init__(
        self, settings: Settings, path: Path | None, overrides: Sequence[str], *, loaded: asyncio.Event,
        apply: Callable[[Settings], None], announce: Callable[[str], None],
    ) -> None:  # fmt: skip
        self.settings, self.path, self.overrides = settings, path, overrides
        self.loaded, self.apply, self.announce = loaded, apply, announce

    async def watch(self) -> None:
        """Reload on every occasion; has no end of its own if there is a file."""
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self.hang_up)
        await self.loaded.wait()
        seen = self.content()
        self.reload()
        if self.path is None:
            return
        try:  # of its folder, for files are replaced; and every five seconds, for links lead elsewhere
            async for _ in awatch(
                self.path.parent, watch_filter=None, step=SETTLED, recursive=False, yield_on_timeout=True
            ):
                content = self.content()
                if content not in (seen, b""):  # an empty one is about to be written
                    self.reload()
                seen = content
        except OSError as error:
            self.announce(f"{self.path} is not watched ({error}); send SIGHUP when it has changed")

    def content(self) -> bytes | None:
        try:
            return self.path.read_bytes() if self.path else None
        except OSError:
            return None

    def hang_up(self) -> None:
        if not self.loaded.is_set():
            self.announce("The settings are read again when the model is loaded")
        elif not self.reload():
            self.announce("The settings are the same as before")

    def reload(self) -> bool:
        """Read the settings, apply them, and tell what changes and what does not. False: there was nothing to tell."""
        before = self.settings
        try:
            wanted = load(self.path, self.overrides, use=self.use)
        except SettingsError as error:
            self.announce(f"Kept the old settings: {error}")
            return True
        changed = [f"{name}: {what}" for name, what in differences(before, self.settings)]
        fixed = [name for name, _ in differences(self.settings, wanted)]
        if changed:
            self.announce(f"Changed {', '.join(changed)}")
        if fixed:
            self.announce(f"Only a restart changes {', '.join(fixed)}")
        return bool(changed or fixed)

    def use(self, wanted: Settings) -> None:
        """Raises Mistake, and then has changed nothing."""
        settings = self.settings.model_copy(update={name: getattr(wanted, name) for name in LIVE})
        if settings.is_open_to_all:
            raise Mistake(
                f"the server was started on {settings.http.host}, where anyone could use the model without them",
                "tenants",
            )
        self.apply(settings)
        self.settings = settings
