"""Who is it: from an API key to the account of its tenant."""

import hmac
import time
from collections.abc import Callable, Mapping, Sequence

from sluice.admission.account import Account
from sluice.admission.keys import digest, resolve
from sluice.errors import Unauthorized
from sluice.settings import Tenant
from sluice.settings.section import Mistake
from sluice.settings.tenants import ANONYMOUS

NOBODY = Tenant.model_construct(name=ANONYMOUS, keys=[])
"""Stands for everyone where there are no tenants."""


class Tenants:
    """The accounts by name, and whose each key is. Raises Mistake for a key that cannot be found."""

    def __init__(
        self, tenants: Sequence[Tenant], environ: Mapping[str, str], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.clock = clock
        self.accounts: dict[str, Account] = {}
        self.departed: dict[str, Account] = {}
        self.update(tenants, environ)

    def update(self, tenants: Sequence[Tenant], environ: Mapping[str, str]) -> None:
        """Go by other settings from now on; accounts keep what is taken of them.

        Raises Mistake, and then has changed nothing.
        """
        owners = find_keys(tenants, environ)
        old = {name: account for name, account in self.departed.items() if account.seats.taken} | self.accounts
        self.accounts = {}
        for settings in tenants or [NOBODY]:
            account = old.get(settings.name) or Account(settings, self.clock)
            account.update(settings)
            self.accounts[settings.name] = account
        self.departed = {name: account for name, account in old.items() if name not in self.accounts}
        self.keys = [(known, self.accounts[name]) for known, name in owners.items()]

    def identify(self, key: str | None) -> Account:
        """Raises Unauthorized. Looks at every key, for the time it takes not to tell how near one came."""
        if not self.keys:
            return self.accounts[ANONYMOUS]
        if key is None:
            raise Unauthorized(
                "No API key was sent. Send it as `Authorization: Bearer KEY`, or as `x-api-key: KEY`.",
                code="invalid_api_key",
            )
        found, sent = None, digest(key)
        for known, account in self.keys:
            if hmac.compare_digest(known, sent):
                found = account
        if found is None:
            raise Unauthorized("This API key is not one of this server's.", code="invalid_api_key")
        return found


def find_keys(tenants: Sequence[Tenant], environ: Mapping[str, str]) -> dict[bytes, str]:
    """Each key's digest, and the name of its tenant. Raises Mistake, which names the tenant."""
    owners: dict[bytes, str] = {}
    for number, tenant in enumerate(tenants):
        for index, source in enumerate(tenant.keys):
            place = ("tenants", str(number), "keys", str(index))
            try:
                known = resolve(source, environ)
            except LookupError as error:
                raise Mistake(f"tenant {tenant.name}: {error}", *place) from None
            if owners.setdefault(known, tenant.name) != tenant.name:
                raise Mistake(f"tenant {tenant.name}: the same key as one of tenant {owners[known]}", *place)
    return owners
