"""How long it will take: from how long sequences run, and how many run side by side."""

MEMORY = 64
"""Sequences over which the mean running time is taken, roughly."""


class Forecast:
    """The rate at which places come free, by Little's law: those that run, divided by how long one runs on average.

    Unlike a count of departures it is known before the server is full, and does not swing with the length of the queue.
    """

    def __init__(self) -> None:
        self.seen = 0
        self.mean = 0.0

    def left(self, seconds: float) -> None:
        """A sequence has left the batch after `seconds` in it."""
        self.seen = min(self.seen + 1, MEMORY)
        self.mean += (seconds - self.mean) / self.seen

    def rate(self, running: int) -> float | None:
        """Places a second that come free while `running` sequences run; None if none do, or nothing is known."""
        return running / self.mean if running and self.mean > 0 else None
