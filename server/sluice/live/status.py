"""The server at this moment, put together from those who know."""

from typing import Protocol, get_args

from sluice import __version__
from sluice.admission import Tenants
from sluice.engine.base import ModelInfo
from sluice.live.sampler import Sampler, by_class
from sluice.live.shares import Shares
from sluice.settings import RequestClass, Settings
from sluice.telemetry.snapshot import Model, Phase, Progress, Status


class Life(Protocol):
    """What is asked of the life cycle. `restarts_total`: of the engine, after a death. `reason`: as a Status has it."""

    phase: Phase
    reason: str | None
    model: ModelInfo | None
    restarts_total: int
    is_over: bool
    """It has failed, or is drained: nothing more will be told."""

    def progress(self) -> Progress | None:
        """Of a start of the engine."""
        ...


class Statuses:
    """Makes a Status when it is asked for one; its Points are the sampler's."""

    def __init__(self, settings: Settings, tenants: Tenants, sampler: Sampler, *, life: Life) -> None:
        self.settings, self.tenants, self.sampler, self.life = settings, tenants, sampler, life
        self.shares = Shares(sampler.controller.scheduler, tenants)
        self.began = sampler.moment()
        self.viewers = 0

    def sample(self) -> None:
        """Take a Point; to be called once a second."""
        self.sampler.take()
        self.shares.note()

    def now(self) -> Status:
        controller, life, at = self.sampler.controller, self.life, self.sampler.moment()
        scheduler = controller.scheduler
        scheduler.book(scheduler.entries)
        return Status(
            at=round(at, 3),
            version=__version__,
            uptime=round(at - self.began, 3),
            phase=life.phase,
            reason=life.reason,
            progress=life.progress(),
            model=self.model(),
            output_path=self.sampler.engine.output_path,
            concurrency=scheduler.max_running,
            max_concurrency=controller.seats.capacity,
            max_waiting_tokens=controller.waiting_tokens.capacity,
            enforce=controller.traffic.enforce,
            admitted=controller.seats.taken,
            running=scheduler.running,
            running_by=by_class(scheduler.running_by),
            waiting=scheduler.waiting,
            waiting_by=by_class(scheduler.waiting_by),
            paused_now=scheduler.paused_by.total(),
            paused_by={name: scheduler.paused_by[name] for name in get_args(RequestClass)},
            waiting_tokens=controller.waiting_tokens.taken,
            oldest_wait_seconds=round(scheduler.oldest_wait(), 3),
            peak_admitted=controller.seats.peak,
            peak_running=scheduler.peak_running,
            paused=scheduler.paused_total,
            engine_restarts=life.restarts_total,
            rejected=dict(controller.rejected),
            would_reject=dict(controller.would_reject),
            finished={str(outcome): count for outcome, count in controller.finished.items()},
            expired=dict(controller.expired),
            generated_tokens=scheduler.generated_tokens.total(),
            prompt_tokens=scheduler.prompt_tokens.total(),
            kv_cache_usage=self.sampler.kv_cache_usage(),
            tenants={name: account.seats.taken for name, account in self.tenants.accounts.items()},
            shares=self.shares.told(),
            latest=self.sampler.points[-1] if self.sampler.points else None,
            viewers=self.viewers,
        )

    def model(self) -> Model:
        names = [*self.settings.names, *(adapter.name for adapter in self.settings.lora)]
        info, (calls, reasons) = self.life.model, self.settings.parsers
        if info is None:
            return Model(names)
        tasks = sorted(info.tasks & {"generate", "embed", "score"})
        return Model(names, info.max_model_len, info.kv_cache_tokens, tasks, calls is not None, reasons is not None)
