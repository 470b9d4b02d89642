"""What all bodies have in common that have prompts pooled, as vLLM has it."""

from typing import Annotated, Any

from sluice.openai.sampling import CacheSalt, RequestId
from sluice.settings import RequestClass
from sluice.wire.body import Dropped, WireModel, only
from sluice.wire.collected import CollectedDeltas
from sluice.wire.endpoint import About, Encoder


class PoolingBody(WireModel):
    """`use_activation`: false leaves what is made of a prompt as the model makes it."""

    model: str | None = None
    use_activation: bool | None = None
    cache_salt: CacheSalt | None = None
    request_id: RequestId | None = None
    user: Dropped = None

    # These are for images.
    media_io_kwargs: Dropped = None
    mm_processor_kwargs: Dropped = None

    # These are not served: only what changes nothing is accepted.
    padding: Annotated[Any, only("do_not_pad")] = None
    priority: Annotated[Any, only(0, 0.0)] = None


class PoolingCall(PoolingBody):
    """What of it is a Call: it is never streamed."""

    @property
    def stream(self) -> bool:
        return False

    @property
    def request_class(self) -> RequestClass | None:
        return None

    def encoder(self, about: About) -> Encoder:
        raise NotImplementedError("what is pooled is not streamed")

    def collected(self) -> CollectedDeltas:
        return CollectedDeltas()
