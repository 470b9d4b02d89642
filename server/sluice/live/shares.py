"""What each tenant has had of late, in tokens."""

from collections import Counter, deque
from collections.abc import Mapping

from sluice.admission import Tenants
from sluice.admission.scheduler import Scheduler
from sluice.telemetry.snapshot import HISTORY_POINTS, MOST_SHARES, Share

STEP_POINTS = 30
"""From one account to the next: so far the beginning of the 15 minutes may lie from where it should."""
Books = tuple[dict[str, int], dict[str, int]]
"""Generated and prompt tokens by tenant."""


class Shares:
    """`note` is to be called with each Point. Keeps the books as they were, a few times over the 15 minutes."""

    def __init__(self, scheduler: Scheduler, tenants: Tenants) -> None:
        self.scheduler, self.tenants = scheduler, tenants
        self.kept = deque([self.books()], maxlen=HISTORY_POINTS // STEP_POINTS)
        self.points = 0

    def books(self) -> Books:
        return dict(self.scheduler.generated_tokens), dict(self.scheduler.prompt_tokens)

    def note(self) -> None:
        self.points += 1
        if self.points % STEP_POINTS == 0:
            self.kept.append(self.books())

    def told(self) -> list[Share]:
        """Of those who have had anything, or are inside; the largest first, and the small ones of many together."""
        running, waiting = self.scheduler.running_by_tenant, by_tenant(self.scheduler.waiting_by)
        generated, prompt = map(since, zip(self.books(), self.kept[0], strict=True))
        accounts = self.tenants.departed | self.tenants.accounts
        shares = [
            Share(
                name, generated[name], prompt[name], account.seats.taken, running[name], waiting[name],
                account.seats.capacity,
            )
            for name, account in accounts.items()
            if generated[name] or prompt[name] or account.seats.taken
        ]  # fmt: skip
        shares.sort(key=lambda share: (share.generated_tokens, share.admitted), reverse=True)
        small = shares[MOST_SHARES:]
        return shares[:MOST_SHARES] + ([together(small)] if small else [])


def since(books: tuple[Mapping[str, int], Mapping[str, int]]) -> Counter[str]:
    now, then = books
    return Counter({tenant: tokens - then.get(tenant, 0) for tenant, tokens in now.items()})


def by_tenant(counts: Mapping[tuple[str, str], int]) -> Counter[str]:
    found = Counter[str]()
    for (_, tenant), count in counts.items():
        found[tenant] += count
    return found


def together(shares: list[Share]) -> Share:
    generated, prompt, admitted, running, waiting = (
        sum(counts)
        for counts in zip(
            *((s.generated_tokens, s.prompt_tokens, s.admitted, s.running, s.waiting) for s in shares), strict=True
        )
    )
    return Share(None, generated, prompt, admitted, running, waiting, None)
