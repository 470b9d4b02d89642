"""Until when: pure, with the time as an argument."""

from hypothesis import given
from hypothesis import strategies as st

from sluice.admission.deadline import Deadline, Stage, Standing

LIMITS: dict[Stage, float | None] = {
    "queue_timeout": 5, "first_token_timeout": 3, "stall_timeout": 1, "send_timeout": None,
}  # fmt: skip


def test_a_client_in_a_hurry_does_not_keep_the_server_looking() -> None:
    assert Deadline(10, {"queue_timeout": 1e-9}, now=0).look_again(5) >= 0.01


def test_each_stage_has_its_own_end_and_the_whole_life_another() -> None:
    deadline = Deadline(10, LIMITS, now=100)
    assert deadline.over(109) is None
    deadline.enter("queue_timeout", 101)
    assert (deadline.over(105.9), deadline.over(106)) == (None, "queue_timeout")
    deadline.enter("first_token_timeout", 105)
    assert (deadline.over(107.9), deadline.over(108)) == (None, "first_token_timeout")
    deadline.enter("send_timeout", 107)  # it has no limit
    assert (deadline.over(109.9), deadline.over(110)) == (None, "timeout")


def test_while_nobodys_time_runs_only_the_whole_life_does() -> None:
    deadline, standing = Deadline(100, LIMITS, now=0), list[Standing]([(None, 0)])
    deadline.watch(lambda: standing[-1])
    assert (deadline.over(99), deadline.over(100)) == (None, "timeout")
    standing.append(("stall_timeout", 50))
    assert (deadline.over(50.9), deadline.over(51)) == (None, "stall_timeout")


def test_a_stage_that_is_only_asked_for_is_looked_at_often_enough() -> None:
    """Four times within the shortest limit that may come; a client's own patience is not among them."""
    deadline = Deadline(100, LIMITS | {"queue_timeout": 0.001}, now=0)
    deadline.watch(lambda: (None, 0))
    assert deadline.look_again(0) == 0.25


@given(st.lists(st.tuples(st.sampled_from(sorted(LIMITS)), st.floats(0, 2)), max_size=30))
def test_whoever_looks_when_told_to_misses_no_limit_by_more_than_the_shortest(moves: list[tuple[Stage, float]]) -> None:
    now, looks_at = 0.0, 0.0
    deadline = Deadline(20, LIMITS, now)
    for stage, passes in moves:
        due = deadline.next_end()[0]
        while looks_at <= now:
            if deadline.over(looks_at):
                assert looks_at <= due + 1
                return
            looks_at += deadline.look_again(looks_at)
        deadline.enter(stage, now)
        now += passes
