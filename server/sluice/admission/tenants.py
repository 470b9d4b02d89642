"""Who is it: from an API key to the account of its tenant, or to an operator."""

import hmac
import time
from collections.abc import Callable, Mapping, Sequence

from sluice.admission.account import Account
from sluice.admission.keys import digest, resolve
from sluice.errors import Forbidden, Unauthorized
from sluice.settings import Tenant
from sluice.settings.section import Mistake
from sluice.settings.tenants import ANONYMOUS

NOBODY = Tenant.model_construct(name=ANONYMOUS, keys=[])
"""Stands for everyone where there are no tenants."""

Owners = dict[bytes, Tenant | None]
"""Of each key's digest the tenant; None: an operator's."""


class Tenants:
    """The accounts by name, and whose each key is: a tenant's, or an operator's.

    `operators`: where their keys are known from. Raises Mistake for a key that cannot be found, or is not one's alone.
    """

    def __init__(
        self, tenants: Sequence[Tenant], environ: Mapping[str, str], clock: Callable[[], float] = time.monotonic,
        operators: Sequence[str] = (),
    ) -> None:  # fmt: skip
        self.clock = clock
        self.accounts: dict[str, Account] = {}
        self.departed: dict[str, Account] = {}
        self.update(tenants, environ, operators)

    def update(self, tenants: Sequence[Tenant], environ: Mapping[str, str], operators: Sequence[str] = ()) -> None:
        """Go by other settings from now on. Raises Mistake, and then has changed nothing."""
        self.take(tenants, find_keys(tenants, operators, environ))

    def take(self, tenants: Sequence[Tenant], owners: Owners) -> None:
        """The same with keys that `find_keys` has found; accounts keep what is taken of them."""
        old = {name: account for name, account in self.departed.items() if account.seats.taken} | self.accounts
        self.accounts = {}
        for settings in tenants or [NOBODY]:
            account = old.get(settings.name) or Account(settings, self.clock)
            account.update(settings)
            self.accounts[settings.name] = account
        self.departed = {name: account for name, account in old.items() if name not in self.accounts}
        self.keys = [(known, self.accounts[tenant.name] if tenant else None) for known, tenant in owners.items()]
        self.has_operators = None in owners.values()

    def identify(self, key: str | None) -> Account:
        """Whose request it is. Raises Unauthorized."""
        if ANONYMOUS in self.accounts:
            return self.accounts[ANONYMOUS]
        account = self.owner(key)
        if account is None:
            raise Unauthorized("This API key is an operator's, and a tenant's is needed.", code="invalid_api_key")
        return account

    def require_operator(self, key: str | None) -> None:
        """Everyone is one where there are no keys at all. Raises Unauthorized, and Forbidden for a tenant's key."""
        hint = "" if self.has_operators else (
            " This takes an operator's, and the settings have none: `sluice keys new --operator` makes one."
        )  # fmt: skip
        if self.keys and self.owner(key, hint) is not None:
            raise Forbidden(f"This API key is a tenant's, and an operator's is needed.{hint}", code="operators_only")

    def owner(self, key: str | None, hint: str = "") -> Account | None:
        """The tenant's account; None: an operator's key. Raises Unauthorized, which ends with the hint.

        Looks at every key, for the time it takes not to tell how near one came.
        """
        if key is None:
            raise Unauthorized(
                f"No API key was sent. Send it as `Authorization: Bearer KEY`, or as `x-api-key: KEY`.{hint}",
                code="invalid_api_key",
            )
        sent = digest(key)
        found = [account for known, account in self.keys if hmac.compare_digest(known, sent)]
        if not found:
            raise Unauthorized(f"This API key is not one of this server's.{hint}", code="invalid_api_key")
        return found[0]


def find_keys(tenants: Sequence[Tenant], operators: Sequence[str], environ: Mapping[str, str]) -> Owners:
    """Reads the files that keys are in, and so may take long.

    Raises Mistake, which names whose it is.
    """
    sources: list[tuple[Tenant | None, str, tuple[str, ...]]] = [
        (tenant, source, ("tenants", str(number), "keys", str(index)))
        for number, tenant in enumerate(tenants)
        for index, source in enumerate(tenant.keys)
    ]
    sources += [(None, source, ("operators", "keys", str(index))) for index, source in enumerate(operators)]
    owners: Owners = {}
    for tenant, source, place in sources:
        whose = f"tenant {tenant.name}" if tenant else "operators"
        try:
            known = resolve(source, environ)
        except LookupError as error:
            raise Mistake(f"{whose}: {error}", *place) from None
        other = owners.setdefault(known, tenant)
        if other is not None and other is not tenant:
            raise Mistake(f"{whose}: the same key as one of tenant {other.name}", *place)
    return owners
