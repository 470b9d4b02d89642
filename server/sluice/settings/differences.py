"""What is not the same in two settings, for people to read."""

import json
from collections.abc import Iterator
from typing import Any

from sluice.settings.section import Section


def differences(old: Section, new: Section, above: str = "") -> Iterator[tuple[str, str]]:
    """Dotted names, and what has become of each: `64 → 32`. Of a tenant's keys only that they changed."""
    for field in type(old).model_fields:
        before, after, name = getattr(old, field), getattr(new, field), above + field
        if before == after:
            continue
        if isinstance(before, Section):
            yield from differences(before, after, f"{name}.")
        elif field == "tenants":
            yield from differences_by_name(before, after, f"{name}.")
        elif field == "keys":
            yield name, "others"
        else:
            yield name, f"{shown(before)} → {shown(after)}"


def differences_by_name(old: list[Any], new: list[Any], above: str) -> Iterator[tuple[str, str]]:
    before, after = ({each.name: each for each in both} for both in (old, new))
    for name in before | after:
        if name in before and name in after:
            yield from differences(before[name], after[name], f"{above}{name}.")
        else:
            yield f"{above}{name}", "new" if name in after else "gone"


def shown(value: Any) -> str:
    if value is None:
        return "unset"
    return f"{value:g}" if isinstance(value, float) else json.dumps(value)
