"""White space within the calls that an answer is held to."""

import json
from typing import Any


def one_space(tag: str) -> str:
    """A structural tag that allows no more than one white space between two parts of its JSON.

    xgrammar's tags allow any number, whatever `disable_any_whitespace` says, and a small model may never stop.
    """

    def tighten(part: dict[str, Any]) -> dict[str, Any]:
        return part | {"max_whitespace_cnt": 1} if part.get("type") == "json_schema" else part

    return json.dumps(json.loads(tag, object_hook=tighten))
