"""How many: what may be taken at once, be it seats or tokens."""


class Limit:
    """Counts what is taken. Nothing here awaits, so between `has_room` and `take` nobody else can come."""

    def __init__(self, capacity: int | None) -> None:
        self.capacity = capacity
        self.taken = 0
        self.peak = 0

    def has_room(self, amount: int) -> bool:
        return self.capacity is None or self.taken + amount <= self.capacity

    def take(self, amount: int) -> None:
        self.taken += amount
        self.peak = max(self.peak, self.taken)

    def give_back(self, amount: int) -> None:
        assert 0 <= amount <= self.taken, f"{amount} given back, {self.taken} taken"
        self.taken -= amount
