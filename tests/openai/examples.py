"""Bodies that tests start from."""

import json
from typing import Any

from sluice.openai.chat.translation import ChatCall
from sluice.openai.completions.translation import CompletionCall
from sluice.wire.endpoint import About, Totals

ABOUT = About("id-1", 123, "demo", "sluice-test", ("reasoning",))
USED = Totals(10, 6, 4, 3, 2)
CHAT = {"model": "demo", "messages": [{"role": "user", "content": "Hi."}]}
COMPLETION = {"model": "demo", "prompt": "Hi."}


def chat(**fields: Any) -> ChatCall:
    return ChatCall.parse(json.dumps(CHAT | fields).encode())


def completion(**fields: Any) -> CompletionCall:
    return CompletionCall.parse(json.dumps(COMPLETION | fields).encode())
