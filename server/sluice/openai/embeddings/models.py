"""OpenAI's embeddings on the wire: the request and the answer."""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, JsonValue

from sluice.openai.completions.models import Prompts
from sluice.openai.sampling import Count
from sluice.wire.answer import Answer
from sluice.wire.body import Dropped, WireModel, only

EXAMPLE: dict[str, JsonValue] = {"model": "demo", "input": ["A cat.", "A dog."]}


class EmbeddingRequest(WireModel):
    """`use_activation`: vLLM's; false leaves out the last step, which is to make a vector's length 1."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

    model: str
    input: Prompts
    encoding_format: Literal["float", "base64"] = "float"
    dimensions: Count | None = None
    use_activation: bool | None = None
    user: Dropped = None

    # These are not served: only what changes nothing is accepted.
    add_special_tokens: Annotated[Any, only(True)] = None
    embed_dtype: Annotated[Any, only("float32")] = None
    endianness: Annotated[Any, only("native", "little")] = None
    messages: Annotated[Any, only()] = None
    padding: Annotated[Any, only("do_not_pad")] = None
    priority: Annotated[Any, only(0)] = None
    truncate_prompt_tokens: Annotated[Any, only()] = None


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
