"""Bodies that tests start from."""

import json
from typing import Any

from sluice.anthropic.messages.translation import MessagesCall
from sluice.engine.base import Chat, Rendered
from sluice.wire.endpoint import About, Totals

ABOUT = About("msg_1", 123, "demo", "sluice-test", (), [Rendered(list(range(10)))])
USED = Totals(10, 6, 4, 3, 2)
HI: dict[str, Any] = {"role": "user", "content": "Hi."}
MESSAGES: dict[str, Any] = {"model": "demo", "max_tokens": 100, "messages": [HI]}
WEATHER_TOOL: dict[str, Any] = {
    "name": "get_weather",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}


def call(**fields: Any) -> MessagesCall:
    return MessagesCall.parse(json.dumps(MESSAGES | fields).encode())


def asked(**fields: Any) -> Chat:
    (prompt,) = call(**fields).to_generation("id").prompts
    assert isinstance(prompt, Chat)
    return prompt
