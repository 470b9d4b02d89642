"""`sluice init`: a first settings file."""

import json
import sys
from pathlib import Path
from typing import Annotated, cast

import typer
from rich.prompt import Prompt

from sluice.cli.check import summary
from sluice.cli.options import AsJson
from sluice.draft import Access, draft
from sluice.engine.devices import Machine
from sluice.engine.gpus import gpus, host_memory
from sluice.errors import SettingsError
from sluice.stderr import tell
from sluice.survey import survey

File = Annotated[Path, typer.Argument(help="The file to write.")]
Model = Annotated[str | None, typer.Option(help="demo (the embedded model), a folder, or a Hugging Face id.")]
For = Annotated[Access | None, typer.Option("--access", help="here: this machine only. keys: others, with a key.")]
Force = Annotated[bool, typer.Option("--force", help="Write over a file that is there.")]


def init(
    file: File = Path("sluice.yaml"), *, model: Model = None, access: For = None, force: Force = False,
    as_json: AsJson = False,
) -> None:  # fmt: skip
    """Write settings for a model on this machine. Asks two questions at most, and none that an option answers."""
    if file.exists() and not force:
        raise SettingsError(f"{file} is there already: name another file, or say --force to write over it")
    asks = sys.stdin.isatty() and not as_json
    if model is None:
        model = Prompt.ask("Model: demo, a folder, or a Hugging Face id", default="demo") if asks else "demo"
    if access is None:
        kinds: list[str] = ["here", "keys"]
        asked = (
            Prompt.ask("Who may use it: this machine (here), others with a key (keys)", choices=kinds, default="here")
            if asks
            else "here"
        )
        access = cast(Access, asked)
    made = draft(model, access, Machine.look(), gpus=gpus(), host=host_memory())
    try:
        with file.open("w" if force else "x") as opened:
            opened.write(made.text)
    except OSError as error:
        raise SettingsError(f"{file}: {error.strerror}") from None
    found = survey(file, [])
    if as_json:
        print(json.dumps({"file": str(file), "key": made.key, **found.document()}, indent=2))
    else:
        for line in (*map(str, found.problems), *found.warnings):
            tell(line)
        if not found.problems:
            print(f"{file}: written. {summary(found)}\nServe it with: sluice serve {file}")
        if made.key is not None:
            print(f"Keep the key, it is not shown again: {made.key}")
    if found.problems:
        raise typer.Exit(2)
