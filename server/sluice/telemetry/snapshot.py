"""What the server tells of itself, on the wire as it is here: `/status`, and the events of `/status/events`.

`GET /status` answers with a Status. `GET /status/events` sends a History as `event: history` when a viewer connects,
and from then on a Status as `event: status`: at once, every second, and when the phase changes. The stream ends once
the server has failed or is drained. Fields may be added; those that are there keep their meaning.

All times are in seconds, all moments are Unix time, all counts are of sequences unless a name says otherwise.
"""

from typing import Literal

from msgspec import Struct

Phase = Literal["starting", "ready", "recovering", "draining", "stopped", "failed"]
INTERVAL_S = 1.0
"""Between two Points."""
HISTORY_POINTS = 900
"""That are kept: 15 minutes."""
LATENCY_WINDOW_S = 10
"""What a Point's percentiles are of: the seconds before it."""
MOST_SHARES = 20
"""Tenants that a Status tells of one by one."""


class Progress(Struct, frozen=True, omit_defaults=True):
    """How far a start of the engine has come; null when none is on its way.

    `stage`: in words, such as "loading the weights"; `step` of `steps` counts the stages from 1, and `stages` are all
    of them. `part`: of this stage, from 0 to 1, where it is known. `seconds`: since the start began.
    `expected_seconds`: what a whole start took the last time, of this model with these settings on this machine, where
    one is known; `expected_part`: the part of it at which the last start was when this stage began.
    """

    stage: str
    step: int
    steps: int
    seconds: float
    stages: list[str]
    part: float | None = None
    expected_seconds: float | None = None
    expected_part: float | None = None


class Model(Struct, frozen=True):
    """What is served.

    `names`: that clients may ask for, the first one being its own, and the adapters' after them. `max_model_len`: the
    longest sequence, in tokens. `kv_cache_tokens`: how many have room in the KV cache, over all workers together, null
    where the engine does not tell; `tasks`: what it can be asked for, `generate`, `embed` or `score`. `calls_tools` and
    `reasons`: there is a parser for the one, for the other. The last five are null until it is loaded.
    """

    names: list[str]
    max_model_len: int | None = None
    kv_cache_tokens: int | None = None
    tasks: list[str] | None = None
    calls_tools: bool | None = None
    reasons: bool | None = None


class Point(Struct, frozen=True):
    """One second of the server's life, of which 15 minutes are kept.

    `at`: its end. `admitted`: seats taken; of those `running` are in the batch, `waiting_interactive` and
    `waiting_batch` wait for a place in it, by class, and the rest arrive or are being sent. `paused`: of those that
    wait, how many have run before. `concurrency` and `max_concurrency`: the two limits, null where there is none.
    `oldest_wait`: seconds that the sequence has waited that has waited longest. `tokens`: generated in this second;
    `prompt_tokens`: of the prompts whose turn came in it. `first_token`, `inter_token` and `queue`: p50 and p99 of what
    ended in the last ten seconds (LATENCY_WINDOW_S), in seconds, null where nothing did. `kv_cache_usage`: the part of
    the KV cache that is taken, from 0 to 1, null where nothing tells. `rejected`: requests refused in this second, by
    reason, without those of none. `finished`: sequences that left in it, by outcome, likewise.
    """

    at: float
    admitted: int
    running: int
    waiting_interactive: int
    waiting_batch: int
    paused: int
    concurrency: int | None
    max_concurrency: int | None
    oldest_wait: float
    tokens: int
    prompt_tokens: int
    first_token_p50: float | None
    first_token_p99: float | None
    inter_token_p50: float | None
    inter_token_p99: float | None
    queue_p50: float | None
    queue_p99: float | None
    kv_cache_usage: float | None
    rejected: dict[str, int]
    finished: dict[str, int]


class Share(Struct, frozen=True):
    """What a tenant has had in the last 15 minutes, and what it has now.

    `generated_tokens` and `prompt_tokens`: those 15 minutes'. `admitted`: its seats now, of which `running` run and
    `waiting` wait. `max_concurrency`: its own limit on seats, null for none. `tenant` is null for all those together
    that are not told of by themselves.
    """

    tenant: str | None
    generated_tokens: int
    prompt_tokens: int
    admitted: int
    running: int
    waiting: int
    max_concurrency: int | None


class Status(Struct, frozen=True):
    """The server at one moment.

    `at`: that moment. `version`: Sluice's. `uptime`: seconds since it began. `phase`: `starting`, `ready`, `recovering`
    (the engine is being replaced), `draining`, `stopped` or `failed`; `reason`: why, in a line, if it is none of
    `starting` and `ready`; also what is wrong while it is ready, such as an engine that makes no progress. `progress`:
    of a start of the engine. `output_path`: the way out of vLLM, null until it is known. `concurrency`,
    `max_concurrency` and `max_waiting_tokens`: the limits, null for none. `enforce`: false if what would be refused is
    only counted. `admitted`: seats taken. `running` and `waiting`: of those, in the batch and before it; `running_by`
    and `waiting_by` by class. `paused_now`: of those that wait, how many have run before, and `paused_by` by class.
    `waiting_tokens`: of prompts that the engine has not begun to answer. `oldest_wait_seconds`: of the sequence that
    has waited longest.

    Since the server began: `peak_admitted` and `peak_running`, the most at once; `paused`, times that a running one was
    put back to wait; `engine_restarts`; `rejected` and `would_reject`, requests by reason; `finished`, sequences by
    outcome; `expired`, sequences by the time limit; `generated_tokens`, and `prompt_tokens` of prompts that had a turn.

    `kv_cache_usage`: as a Point's, now. `tenants`: each one's seats taken. `shares`: the tenants by tokens of the last
    15 minutes, at most 20 and the rest together, the largest first. `latest`: the last second, null before there was
    one. `viewers`: who watches `/status/events`.
    """

    at: float
    version: str
    uptime: float
    phase: Phase
    reason: str | None
    progress: Progress | None
    model: Model
    output_path: str | None
    concurrency: int | None
    max_concurrency: int | None
    max_waiting_tokens: int | None
    enforce: bool
    admitted: int
    running: int
    running_by: dict[str, int]
    waiting: int
    waiting_by: dict[str, int]
    paused_now: int
    paused_by: dict[str, int]
    waiting_tokens: int
    oldest_wait_seconds: float
    peak_admitted: int
    peak_running: int
    paused: int
    engine_restarts: int
    rejected: dict[str, int]
    would_reject: dict[str, int]
    finished: dict[str, int]
    expired: dict[str, int]
    generated_tokens: int
    prompt_tokens: int
    kv_cache_usage: float | None
    tenants: dict[str, int]
    shares: list[Share]
    latest: Point | None
    viewers: int


class History(Struct, frozen=True):
    """The Points of the last 15 minutes as columns, the oldest first: `columns[name][i]` is the field of Point `i`.

    `interval`: seconds between two of them. Those of a server that stood still may lie further apart: `at` tells.
    """

    interval: float
    columns: dict[str, list[object]]
