"""The tenants: whose keys are let in, and each one's share and limits."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from sluice.settings.key_source import KeySource
from sluice.settings.section import Mistake, Section

ANONYMOUS = "anonymous"
"""Who everyone is where there are no tenants."""

RequestClass = Literal["interactive", "batch"]


def check_name(name: str) -> str:
    if name == ANONYMOUS:
        raise ValueError(f"{ANONYMOUS} is who everyone is without tenants; choose another name")
    return name


class Tenant(Section):
    """Somebody with keys of their own. The limits hold for all of these keys together."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$"), AfterValidator(check_name)]
    """1 to 64 letters, digits, `_`, `-` or `.`; told in metrics and logs."""
    keys: list[KeySource] = Field(min_length=1)
    """Where each key is known from: `sha256:<hex>`, `env:NAME`, or `file:PATH` (its first line)."""
    weight: float = Field(default=1, ge=0.001)
    """Share of the batch while others wait, too."""
    classes: list[RequestClass] = Field(default=["interactive", "batch"], min_length=1)
    """Classes of requests that it may send."""
    max_concurrency: int | None = Field(default=None, ge=1)
    """Sequences that it may have inside, running and waiting. Unset: no limit of its own."""
    requests_per_minute: int | None = Field(default=None, ge=1)
    """Requests; refilled all the time, and all of a minute's may come at once. Unset: no limit."""
    tokens_per_minute: int | None = Field(default=None, ge=1)
    """Tokens, prompt and longest answer together; what was not used is given back in the end. Unset: no limit."""


def check_distinct(tenants: list[Tenant]) -> list[Tenant]:
    """Raises Mistake for a name or a key that is there twice."""
    first: dict[str, str] = {}
    for number, tenant in enumerate(tenants):
        texts = {("name",): tenant.name} | {("keys", str(i)): source for i, source in enumerate(tenant.keys)}
        for place, text in texts.items():
            if text in first:
                raise Mistake(f"the same {place[0].removesuffix('s')} as {first[text]}", str(number), *place)
            first[text] = ".".join(("tenants", str(number), *place))
    return tenants
