"""`sluice keys`: API keys for tenants and operators."""

import json
import sys
import textwrap
from typing import Annotated

import typer
import yaml
from pydantic import ValidationError

from sluice.admission.keys import digest, new_key
from sluice.cli.options import AsJson
from sluice.errors import SettingsError
from sluice.settings import Tenant

keys = typer.Typer(help="API keys for tenants and operators.", no_args_is_help=True)
Name = Annotated[str | None, typer.Option(metavar="NAME", help="Print a whole tenant of this name to paste.")]
Operator = Annotated[bool, typer.Option("--operator", help="Make an operator's key, for /status and /metrics.")]


@keys.command()
def new(tenant: Name = None, operator: Operator = False, as_json: AsJson = False) -> None:
    """Make a key. stdout gets the key alone; stderr the lines for the settings, which hold only its SHA-256."""
    key = new_key()
    source = f"sha256:{digest(key).hex()}"
    place, lines = "a tenant's `keys:`", yaml.safe_dump([source])
    if operator and tenant is not None:
        raise SettingsError("--operator --tenant: a key is an operator's or a tenant's, never both")
    if operator:
        place, lines = "`operators:`", yaml.safe_dump({"keys": [source]})
    if tenant is not None:
        try:
            Tenant(name=tenant, keys=[source])
        except ValidationError as error:
            raise SettingsError(f"--tenant {tenant}: {error.errors()[0]['msg']}") from None
        place, lines = "`tenants:`", yaml.safe_dump([{"name": tenant, "keys": [source]}], sort_keys=False)
    if as_json:
        print(json.dumps({"key": key, "settings": yaml.safe_load(lines)}))
        return
    print(f"Paste under {place}\n{textwrap.indent(lines, '  ')}Keep the key, it is not shown again:", file=sys.stderr)
    print(key)
