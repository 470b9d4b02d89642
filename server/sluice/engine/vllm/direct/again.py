"""A sequence on the direct way while it is made again: what its receiver knows is not told twice."""

from vllm.v1.engine import EngineCoreOutput
from vllm.v1.metrics.stats import IterationStats

from sluice.engine.vllm.again import Told
from sluice.engine.vllm.direct.sequence import DirectSequence
from sluice.errors import EngineDied, RequestError


class Again:
    """In the place of a sequence in the path's table, so that those that run as usual know nothing of it."""

    def __init__(self, sequence: DirectSequence) -> None:
        self.sequence, self.told = sequence, Told(sequence.tokens)
        self.id, self.survives = sequence.id, sequence.survives

    def take(self, output: EngineCoreOutput, timestamp: float, stats: IterationStats) -> bool:
        """Raises EngineDied if the answer is another one."""
        sequence, new = self.sequence, output.new_token_ids
        known = self.told.count(new)
        if self.told.is_over:
            sequence.path.sequences[self.id] = sequence
        elif output.finish_reason is not None:
            raise EngineDied
        if known == len(new) and output.finish_reason is None:
            stats.num_generation_tokens += known
            return False
        del new[:known]
        if output.new_logprobs is not None:
            output.new_logprobs = output.new_logprobs.slice_request(known, len(new))
        return sequence.take(output, timestamp, stats)

    def fail(self, error: RequestError) -> None:
        self.sequence.fail(error)
