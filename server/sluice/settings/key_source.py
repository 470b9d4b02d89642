"""Where an API key is known from; never the key itself."""

import re
from typing import Annotated

from pydantic import AfterValidator, Field

SOURCE = r"^(sha256:[0-9a-fA-F]{64}|env:[A-Za-z_][A-Za-z0-9_]*|file:[^\u0000-\u001f]+)$"


def check_source(source: str) -> str:
    """Raises ValueError, which does not repeat the text: it may be a key."""
    if not re.fullmatch(SOURCE, source):
        raise ValueError(
            "write sha256:<64 hex digits>, env:NAME or file:PATH, never the key itself; `sluice keys new` makes a key"
        )
    return source


KeySource = Annotated[str, AfterValidator(check_source), Field(json_schema_extra={"pattern": SOURCE})]
