"""The operators: whose keys open what the server tells of itself."""

from pydantic import Field

from sluice.settings.key_source import KeySource
from sluice.settings.section import Section


class Operators(Section):
    """Who may read `/status` and `/metrics`."""

    keys: list[KeySource] = Field(default_factory=list)
    """Where each key is known from: `sha256:<hex>`, `env:NAME`, or `file:PATH`. None, and no tenants: everyone may."""
