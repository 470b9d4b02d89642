"""OpenAI's embeddings on the wire: the request and the answer."""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, JsonValue

from sluice.openai.completions.models import Prompts
from sluice.openai.pooling import PoolingBody
from sluice.openai.sampling import Count, TruncateTo
from sluice.wire.answer import Answer
from sluice.wire.body import Dropped, only

EXAMPLE: dict[str, JsonValue] = {"model": "demo", "input": ["A cat.", "A dog."]}


class EmbeddingRequest(PoolingBody):
    """`use_activation`: false leaves out the last step, which is to make a vector's length 1."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

    input: Prompts
    encoding_format: Literal["float", "base64"] = "float"
    dimensions: Count | None = None
    add_special_tokens: bool | None = None
    truncate_prompt_tokens: TruncateTo | None = None
    truncation_side: Literal["left", "right"] | None = None

    # These change something only beside messages.
    add_generation_prompt: Dropped = None
    continue_final_message: Dropped = None
    chat_template: Dropped = None
    chat_template_kwargs: Dropped = None

    # These are not served: only what changes nothing is accepted.
    embed_dtype: Annotated[Any, only("float32")] = None
    endianness: Annotated[Any, only("native", "little")] = None
    messages: Annotated[Any, only()] = None


class EmbeddingUsage(Answer):
    prompt_tokens: int
    total_tokens: int


class Embedding(Answer):
    object: Literal["embedding"]
    index: int
    embedding: list[float] | str


class EmbeddingList(Answer):
    object: Literal["list"]
    id: str
    created: int
    model: str
    data: list[Embedding]
    usage: EmbeddingUsage
