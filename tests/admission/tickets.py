"""A ticket for as long as a `with` lasts."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sluice.admission import Account, AdmissionController, Ticket


@contextmanager
def admitted(controller: AdmissionController, account: Account, **options: Any) -> Iterator[Ticket]:
    ticket = controller.admit(account, **options)
    try:
        yield ticket
    finally:
        controller.release(ticket)
