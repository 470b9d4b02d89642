"""The settings, read again while the server runs: on SIGHUP, and when the file's content changes."""

import asyncio
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from watchfiles import awatch

from sluice.admission.tenants import Owners, find_keys
from sluice.errors import SettingsError
from sluice.settings import Settings, Sources, differences
from sluice.settings.file import read
from sluice.settings.section import Mistake

LIVE = ("traffic", "tenants", "operators")
SETTLED = 200
"""Milliseconds without another write after which a file is taken for complete."""
NAMED = 20
"""Changes that a line tells one by one."""


class Reload:
    """Applies what may change while the server runs, all of it or nothing; `announce` gets a line for people.

    `settings` are those in force; `apply` raises Mistake, and then has changed nothing. Nothing is read before `loaded`
    is set, and then what has changed until then. Only `apply` runs on the event loop.
    """

    def __init__(
        self, settings: Settings, path: Path | None, overrides: Sequence[str], *, loaded: asyncio.Event,
        apply: Callable[[Settings, Owners], None], announce: Callable[[str], None],
    ) -> None:  # fmt: skip
        self.settings, self.path, self.overrides = settings, path, overrides
        self.loaded, self.apply, self.announce = loaded, apply, announce
        self.hung_up = asyncio.Event()
        self.reloading = asyncio.Lock()

    async def watch(self) -> None:
        """Reload on every occasion; has no end of its own."""
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self.hang_up)
        await self.loaded.wait()
        async with asyncio.TaskGroup() as both:
            both.create_task(self.watch_file())
            both.create_task(self.watch_signal())

    async def watch_file(self) -> None:
        if self.path is None:
            return
        if is_pipe(self.path):
            self.announce(f"{self.path} is not watched: it can be read only once")
            return
        seen = await asyncio.to_thread(self.content)
        if seen != b"":  # an empty one is about to be written
            await self.reload(seen)
        try:  # of its folder, for files are replaced; and every five seconds, for links lead elsewhere
            async for _ in awatch(
                self.path.parent, watch_filter=None, step=SETTLED, recursive=False, yield_on_timeout=True
            ):
                content = await asyncio.to_thread(self.content)
                if content not in (seen, b""):
                    await self.reload(content)
                seen = content
        except OSError as error:
            self.announce(f"{self.path} is not watched ({error}); send SIGHUP when it has changed")

    async def watch_signal(self) -> None:
        while await self.hung_up.wait():
            self.hung_up.clear()
            if not await self.reload():
                self.announce("The settings are the same as before")

    def hang_up(self) -> None:
        if self.loaded.is_set():
            self.hung_up.set()
        else:
            self.announce("The settings are read again when the model is loaded")

    async def reload(self, content: bytes | None = None) -> bool:
        """Read the settings, apply them, and tell what changes and what does not. False: there was nothing to tell.

        `content`: the file's, if it has been read.
        """
        async with self.reloading:
            before = self.settings
            try:
                sources, wanted, owners = await asyncio.to_thread(self.read, content)
                with sources.telling():
                    self.use(wanted, owners)
            except SettingsError as error:
                self.announce(f"Kept the old settings: {error}")
                return True
            lines = await asyncio.to_thread(lambda: list(told(before, self.settings, wanted)))
        for line in lines:
            self.announce(line)
        return bool(lines)

    def read(self, content: bytes | None) -> tuple[Sources, Settings, Owners]:
        """With the keys, which may be in files of their own. Raises SettingsError."""
        if self.path and is_pipe(self.path):
            raise SettingsError(f"{self.path}: it can be read only once")
        sources = Sources(self.path, self.overrides, os.environ, content)
        wanted = sources.settings()
        with sources.telling():
            return sources, wanted, find_keys(wanted.tenants, wanted.operators.keys, os.environ)

    def content(self) -> bytes | None:
        try:
            return read(self.path) if self.path else None
        except (OSError, SettingsError):
            return None

    def use(self, wanted: Settings, owners: Owners) -> None:
        """Raises Mistake, and then has changed nothing."""
        settings = self.settings.model_copy(update={name: getattr(wanted, name) for name in LIVE})
        if settings.is_open_to_all:
            raise Mistake(
                f"the server was started on {settings.http.host}, where anyone could use the model without them",
                "tenants",
            )
        self.apply(settings, owners)
        self.settings = settings


def is_pipe(path: Path) -> bool:
    """What a shell's `<(…)` gives, say."""
    return path.exists() and not path.is_file()


def told(before: Settings, after: Settings, wanted: Settings) -> Iterator[str]:
    """What has changed, and what has not."""
    if changed := [f"{name}: {what}" for name, what in differences(before, after)]:
        yield f"Changed {listed(changed)}"
    if fixed := [name for name, _ in differences(after, wanted)]:
        yield f"Only a restart changes {listed(fixed)}"


def listed(names: list[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more
