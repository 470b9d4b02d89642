"""Bodies that tests start from."""

import json
from typing import Any

from sluice.openai.chat.models import ChatCompletionRequest
from sluice.openai.completions.models import CompletionRequest

CHAT = {"model": "demo", "messages": [{"role": "user", "content": "Hi."}]}
COMPLETION = {"model": "demo", "prompt": "Hi."}


def chat(**fields: Any) -> ChatCompletionRequest:
    return ChatCompletionRequest.parse(json.dumps(CHAT | fields).encode())


def completion(**fields: Any) -> CompletionRequest:
    return CompletionRequest.parse(json.dumps(COMPLETION | fields).encode())
