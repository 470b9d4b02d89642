"""What the figures are made of, by hand: a controller, its tenants, and a clock that a test moves."""

from dataclasses import dataclass, field
from typing import Any

from sluice.admission import AdmissionController, Entry, Tenants
from sluice.admission.entry import SequenceSpec
from sluice.engine.base import ModelInfo
from sluice.live.sampler import Sampler
from sluice.live.status import Statuses
from sluice.settings import Settings
from sluice.telemetry.latencies import Latencies
from sluice.telemetry.snapshot import Phase, Progress
from tests.admission.clock import Clock
from tests.fake import FakeEngine


@dataclass
class Lived:
    """A life cycle that is as a test says."""

    phase: Phase = "ready"
    reason: str | None = None
    model: ModelInfo | None = field(default_factory=lambda: ModelInfo(max_model_len=4096, max_num_seqs=8))
    restarts_total: int = 0
    is_over: bool = False

    def progress(self) -> Progress | None:
        return None


class Made:
    def __init__(self, tenants: list[dict[str, Any]] | None = None, **traffic: Any) -> None:
        self.settings = Settings.model_validate({"traffic": traffic, "tenants": tenants or []})
        self.clock, self.life = Clock(), Lived()
        self.controller = AdmissionController(self.settings.traffic, self.clock)
        self.scheduler = self.controller.scheduler
        self.tenants = Tenants(self.settings.tenants, {}, self.clock)
        self.latencies = Latencies()
        self.sampler = Sampler(self.controller, self.latencies, FakeEngine(), self.clock)
        self.statuses = Statuses(self.settings, self.tenants, self.sampler, life=self.life)

    def run(self, tokens: int, tenant: str = "anonymous", prompt_tokens: int = 10) -> Entry:
        """A sequence that has had a place at once, and so many tokens since."""
        entry = self.scheduler.join(SequenceSpec(tenant, prompt_tokens=prompt_tokens), lambda entry: None)
        assert entry.state == "running"
        entry.charge(tokens)
        return entry

    def second(self) -> None:
        self.clock.now += 1
        self.statuses.sample()
