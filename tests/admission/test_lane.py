"""Fair by tokens: the bounds of the paper, and what a tenant that comes back gets."""

import random
from itertools import count

from hypothesis import given, settings
from hypothesis import strategies as st

from server.admission.lane import Lane
from server.admission.turn import INPUT_WEIGHT, OUTPUT_WEIGHT, Turn, Visit


def waiter(tenant: str, prompt_tokens: int = 1, arrived: float = 0, weight: float = 1) -> Turn:
    return Turn(Visit(tenant, weight, "interactive", prompt_tokens), arrived, lambda turn: None)


def pop(lane: Lane) -> Turn:
    turn = lane.next({})
    lane.start(turn)
    return turn


class Batch:
    """A batch of `places`, filled from a lane in which every tenant always has someone waiting."""

    def __init__(self, places: int, weights: dict[str, float], prompts: int, answers: int, dice: random.Random) -> None:
        self.lane, self.places, self.weights, self.dice = Lane(), places, weights, dice
        self.prompts, self.answers = prompts, answers
        self.running: list[tuple[Visit, int]] = []
        self.served = dict.fromkeys(weights, 0.0)
        for tenant in weights:
            self.arrive(tenant)

    def arrive(self, tenant: str) -> None:
        # a second one waits when the first is taken: the line is never empty
        while len(self.lane.lines.get(tenant, ())) < 2:
            self.lane.push(waiter(tenant, self.dice.randint(1, self.prompts), 0, self.weights[tenant]))

    def step(self) -> None:
        """One step of the engine: free places are filled, and each that runs gets a token."""
        while len(self.running) < self.places:
            visit = pop(self.lane).visit
            self.serve(visit, INPUT_WEIGHT * visit.prompt_tokens)
            self.running.append((visit, self.dice.randint(1, self.answers)))
            self.arrive(visit.tenant)
        for visit, _ in self.running:
            self.lane.charge(visit, OUTPUT_WEIGHT)
            self.serve(visit, OUTPUT_WEIGHT)
        self.running = [(visit, left - 1) for visit, left in self.running if left > 1]

    def serve(self, visit: Visit, service: float) -> None:
        self.served[visit.tenant] += service / visit.weight


@settings(deadline=None, max_examples=60)
@given(
    st.integers(1, 8), st.integers(1, 50), st.integers(1, 50), st.sampled_from([1.0, 0.5, 2.0]), st.integers(0, 10**6)
)
def test_two_backlogged_tenants_get_the_same_service(
    places: int, prompts: int, answers: int, weight: float, seed: int
) -> None:
    """Theorem 4.4 of the paper: over any interval they differ by 2 max(w_p L_input, w_q M) at most."""
    batch = Batch(places, {"a": 1.0, "b": weight}, prompts, answers, random.Random(seed))
    differences = []
    for _ in range(400):
        batch.step()
        differences.append(batch.served["a"] - batch.served["b"])
    in_the_batch = places * (prompts + answers)
    bound = 2 * max(INPUT_WEIGHT * prompts, OUTPUT_WEIGHT * in_the_batch) / min(1.0, weight)
    assert max(differences) - min(differences) <= bound


def test_weights_divide_the_service() -> None:
    batch = Batch(4, {"one": 1.0, "three": 3.0}, 10, 10, random.Random(1))
    for _ in range(3000):
        batch.step()
    tokens = {tenant: service * batch.weights[tenant] for tenant, service in batch.served.items()}
    assert 2.8 < tokens["three"] / tokens["one"] < 3.2


def test_who_comes_back_has_saved_nothing_up() -> None:
    """Idle for long, then two requests: one of them is next, and then it is the others' turn again."""
    lane = Lane()
    for _ in range(50):
        lane.push(waiter("busy", 10))
    for _ in range(20):
        lane.charge(pop(lane).visit, 100)
    lane.push(waiter("back", 10))
    lane.push(waiter("back", 10))
    assert [pop(lane).visit.tenant for _ in range(4)] == ["busy", "back", "busy", "back"]


def test_after_an_empty_queue_the_last_one_served_is_the_measure() -> None:
    lane = Lane()
    lane.push(waiter("first"))
    lane.charge(pop(lane).visit, 1000)
    lane.push(waiter("second"))
    assert lane.counters["second"] == lane.counters["first"]


def test_a_greedy_tenant_does_not_delay_a_polite_one() -> None:
    lane = Lane()
    for _ in range(200):
        lane.push(waiter("greedy", 50))
    lane.charge(pop(lane).visit, 100)
    lane.push(waiter("polite", 5))
    ahead = next(place for place in count() if pop(lane).visit.tenant == "polite")
    assert ahead <= 2


@given(st.lists(st.tuples(st.sampled_from("abc"), st.booleans()), max_size=60))
def test_nobody_is_lost_and_each_line_keeps_its_order(events: list[tuple[str, bool]]) -> None:
    lane, inside, numbers = Lane(), list[Turn](), count()
    for tenant, comes in events:
        if comes or not inside:
            inside.append(waiter(tenant, arrived=next(numbers)))
            lane.push(inside[-1])
        elif next(numbers) % 2:
            popped = pop(lane)
            mine = [each for each in inside if each.visit.tenant == popped.visit.tenant]
            assert popped is min(mine, key=lambda each: each.arrived)
            inside.remove(popped)
        else:
            lane.remove(inside.pop(len(inside) // 2))
        assert len(lane) == len(inside)
        assert lane.oldest() == min((each.arrived for each in inside), default=None)
