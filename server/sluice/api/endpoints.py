"""The APIs that generate: FastAPI's routes and the accelerator's paths both come from this list."""

from sluice.anthropic.messages.translation import MESSAGES
from sluice.openai.chat.translation import CHAT
from sluice.openai.completions.translation import COMPLETIONS
from sluice.openai.responses.translation import RESPONSES

ENDPOINTS = (CHAT, COMPLETIONS, RESPONSES, MESSAGES)
