"""How many: the seats inside the server."""


class Limit:
    """Counts seats. `take` is all or nothing and never awaits, so no interleaving can exceed `capacity`."""

    def __init__(self, capacity: int | None) -> None:
        self.capacity = capacity
        self.taken = 0
        self.peak = 0

    def take(self, seats: int) -> bool:
        if self.capacity is not None and self.taken + seats > self.capacity:
            return False
        self.taken += seats
        self.peak = max(self.peak, self.taken)
        return True

    def give_back(self, seats: int) -> None:
        assert 0 <= seats <= self.taken, f"{seats} seats given back, {self.taken} taken"
        self.taken -= seats
