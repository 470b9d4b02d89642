"""Arguments that several commands take."""

from pathlib import Path
from typing import Annotated

import typer

Config = Annotated[Path | None, typer.Argument(help="The settings file (YAML). Without one: the defaults.")]
Set = Annotated[
    list[str], typer.Option("--set", metavar="KEY=VALUE", help="Override a setting, such as traffic.concurrency=4.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Tell it as JSON, on stdout.")]
Debug = Annotated[bool, typer.Option("--debug", help="Where it fails, show the stack trace, and all that vLLM says.")]
Url = Annotated[str, typer.Argument(help="Such as http://127.0.0.1:8000; any server that speaks OpenAI's API.")]
Key = Annotated[
    str | None,
    typer.Option(envvar="SLUICE_API_KEY", help="An API key, where the server wants one; `top` takes an operator's."),
]
