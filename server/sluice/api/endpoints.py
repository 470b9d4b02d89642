"""The APIs that generate: FastAPI's routes and the accelerator's paths both come from this list."""

from sluice.anthropic.messages.translation import MESSAGES
from sluice.openai.chat.translation import CHAT
from sluice.openai.completions.translation import COMPLETIONS
from sluice.openai.embeddings.translation import EMBEDDINGS
from sluice.openai.responses.translation import RESPONSES
from sluice.openai.scoring.translation import RERANKINGS, SCORES

ENDPOINTS = (CHAT, COMPLETIONS, RESPONSES, MESSAGES, EMBEDDINGS, *SCORES, *RERANKINGS)
