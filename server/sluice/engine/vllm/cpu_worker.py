"""vLLM's worker on a CPU; in vLLM 0.32 it dies of a sequence that has a seed and whose prompt comes in pieces."""

from typing import Any

import numpy as np
from vllm.v1.worker import cpu_worker


class CPUWorker(cpu_worker.CPUWorker):
    """For every piece of a prompt but the last, vLLM samples a token that it throws away, and then turns the sequence's
    generator back, which a CPU's cannot do. Here these tokens are sampled without it."""

    def sample_tokens(self, grammar_output: Any) -> Any:
        if self.use_v2_model_runner:
            return super().sample_tokens(grammar_output)
        runner = self.model_runner
        generators = runner.input_batch.generators
        unfinished = np.nonzero(runner.discard_request_mask.np[: runner.input_batch.num_reqs])[0]
        kept = {index: generators.pop(index) for index in map(int, unfinished) if index in generators}
        try:
            return super().sample_tokens(grammar_output)
        finally:
            generators.update(kept)
