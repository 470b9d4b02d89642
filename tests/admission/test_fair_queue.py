"""Fair by tokens: the bounds of the paper, and what a tenant that comes back gets."""

import random
from itertools import count

from hypothesis import given, settings
from hypothesis import strategies as st

from sluice.admission.entry import INPUT_WEIGHT, OUTPUT_WEIGHT, Entry, SequenceSpec
from sluice.admission.fair_queue import FairQueue


def waiter(tenant: str, prompt_tokens: int = 1, arrived: float = 0, weight: float = 1) -> Entry:
    return Entry(SequenceSpec(tenant, weight, "interactive", prompt_tokens), arrived, lambda entry: None)


def pop(queue: FairQueue) -> Entry:
    entry = queue.next({})
    queue.start(entry)
    return entry


class Batch:
    """A batch of `places`, filled from a queue in which every tenant always has someone waiting."""

    def __init__(self, places: int, weights: dict[str, float], prompts: int, answers: int, dice: random.Random) -> None:
        self.queue, self.places, self.weights, self.dice = FairQueue(), places, weights, dice
        self.prompts, self.answers = prompts, answers
        self.running: list[tuple[SequenceSpec, int]] = []
        self.served = dict.fromkeys(weights, 0.0)
        for tenant in weights:
            self.arrive(tenant)

    def arrive(self, tenant: str) -> None:
        # a second one waits when the first is taken: the line is never empty
        while len(self.queue.lines.get(tenant, ())) < 2:
            self.queue.push(waiter(tenant, self.dice.randint(1, self.prompts), 0, self.weights[tenant]))

    def step(self) -> None:
        """One step of the engine: free places are filled, and each that runs gets a token."""
        while len(self.running) < self.places:
            spec = pop(self.queue).spec
            self.serve(spec, INPUT_WEIGHT * spec.prompt_tokens)
            self.running.append((spec, self.dice.randint(1, self.answers)))
            self.arrive(spec.tenant)
        for spec, _ in self.running:
            self.queue.charge(spec, OUTPUT_WEIGHT)
            self.serve(spec, OUTPUT_WEIGHT)
        self.running = [(spec, left - 1) for spec, left in self.running if left > 1]

    def serve(self, spec: SequenceSpec, service: float) -> None:
        self.served[spec.tenant] += service / spec.weight


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
    queue = FairQueue()
    for _ in range(50):
        queue.push(waiter("busy", 10))
    for _ in range(20):
        queue.charge(pop(queue).spec, 100)
    queue.push(waiter("back", 10))
    queue.push(waiter("back", 10))
    assert [pop(queue).spec.tenant for _ in range(4)] == ["busy", "back", "busy", "back"]


def test_after_an_empty_queue_the_last_one_served_is_the_measure() -> None:
    queue = FairQueue()
    queue.push(waiter("first"))
    queue.charge(pop(queue).spec, 1000)
    queue.push(waiter("second"))
    assert queue.counters["second"] == queue.counters["first"]


def test_a_greedy_tenant_does_not_delay_a_polite_one() -> None:
    queue = FairQueue()
    for _ in range(200):
        queue.push(waiter("greedy", 50))
    queue.charge(pop(queue).spec, 100)
    queue.push(waiter("polite", 5))
    ahead = next(place for place in count() if pop(queue).spec.tenant == "polite")
    assert ahead <= 2


@given(st.lists(st.tuples(st.sampled_from("abc"), st.booleans()), max_size=60))
def test_nobody_is_lost_and_each_line_keeps_its_order(events: list[tuple[str, bool]]) -> None:
    queue, inside, numbers = FairQueue(), list[Entry](), count()
    for tenant, comes in events:
        if comes or not inside:
            inside.append(waiter(tenant, arrived=next(numbers)))
            queue.push(inside[-1])
        elif next(numbers) % 2:
            popped = pop(queue)
            mine = [each for each in inside if each.spec.tenant == popped.spec.tenant]
            assert popped is min(mine, key=lambda each: each.arrived)
            inside.remove(popped)
        else:
            queue.remove(inside.pop(len(inside) // 2))
        assert len(queue) == len(inside)
        assert queue.oldest() == min((each.arrived for each in inside), default=None)
