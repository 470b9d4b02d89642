"""Settings from beside the file: the environment's, and those of `--set`. Their values are YAML."""

from collections.abc import Mapping
from typing import Any

import yaml

from sluice.errors import SettingsError, shown
from sluice.settings.document import Document
from sluice.settings.file import Place
from sluice.settings.models import Settings
from sluice.settings.section import Section

PREFIX = "SLUICE_"
CONFIG = "SLUICE_CONFIG"
"""Names the file for who has no command line; no setting itself."""


def from_environment(environ: Mapping[str, str]) -> dict[Place, Any]:
    """`SLUICE_TRAFFIC__CONCURRENCY=4` → `{("traffic", "concurrency"): 4}`.

    Kubernetes puts names such as SLUICE_PORT into each container beside a Service named sluice: what has no `__` counts
    only if it is a setting, and its value of the setting's kind. An empty variable is one that is not set.
    """
    found: dict[Place, Any] = {}
    for key, text in environ.items():
        place = tuple(key.removeprefix(PREFIX).lower().split("__"))
        if not key.startswith(PREFIX) or key == CONFIG or not text.strip():
            continue
        if len(place) == 1 and place[0] not in Settings.model_fields:
            continue
        value = parse(text, f"environment variable {shown(key)}")
        if len(place) > 1 or isinstance(value, kind(place[0])):
            found[place] = value
    return found


def kind(field: str) -> type:
    """What the setting is written as: a mapping for a section, and so on."""
    annotation: Any = Settings.model_fields[field].annotation
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return dict
    return list if field == "tenants" else object


def parse_option(text: str) -> tuple[Place, Any]:
    """`traffic.concurrency=4` → `("traffic", "concurrency"), 4`."""
    key, equals, value = text.partition("=")
    source = f"--set {shown(key.strip())}"
    if not equals or not key.strip():
        raise SettingsError(f"{source}: write KEY=VALUE, such as --set traffic.concurrency=4")
    if not value.strip():
        raise SettingsError(f"{source}: there is no value; write null for none, or '\"\"' for an empty text")
    return tuple(key.strip().split(".")), parse(value, source)


def parse(text: str, source: str) -> Any:
    if text.rstrip().endswith(":") and "\n" not in text:  # `::` is an address; to YAML it is a key without a value
        return text
    try:
        return Document(text).value()
    except yaml.MarkedYAMLError as error:
        raise SettingsError(f"{source}: {shown(error.problem or str(error))}") from None
    except yaml.YAMLError as error:
        raise SettingsError(f"{source}: {shown(str(error))}") from None
