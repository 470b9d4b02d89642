"""vLLM's sampling parameters whose grammar has been tried already: that may take long, and is not for the loop."""

from typing import Any

from vllm.sampling_params import SamplingParams


class HeldParams(SamplingParams):
    """Verified by vLLM like any others, but for their constraint."""

    def verify(self, *arguments: Any, **named: Any) -> None:
        constraint, self.structured_outputs = self.structured_outputs, None
        try:
            super().verify(*arguments, **named)
        finally:
            self.structured_outputs = constraint
