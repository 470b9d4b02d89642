"""Who is it: from an API key to the account of its tenant."""

import hmac
import time
from collections.abc import Callable, Mapping, Sequence

from server.admission.account import Account
from server.admission.keys import digest, resolve
from server.errors import SettingsError, Unauthorized
from server.settings import Tenant
from server.settings.tenants import ANONYMOUS

NOBODY = Tenant.model_construct(name=ANONYMOUS, keys=[])
"""Stands for everyone where there are no tenants."""


class Tenants:
    """The accounts by name, and whose each key is. Raises SettingsError for a key that cannot be found."""

    def __init__(
        self, tenants: Sequence[Tenant], environ: Mapping[str, str], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.clock = clock
        self.accounts: dict[str, Account] = {}
        self.update(tenants, environ)

    def update(self, tenants: Sequence[Tenant], environ: Mapping[str, str]) -> None:
        """Go by other settings from now on; accounts keep what is taken of them.

        Raises SettingsError, and then has changed nothing.
        """
        owners = find_keys(tenants, environ)
        old, self.accounts = self.accounts, {}
        for settings in tenants or [NOBODY]:
            account = old.get(settings.name) or Account(settings, self.clock)
            account.update(settings)
            self.accounts[settings.name] = account
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
    """Each key's digest, and the name of its tenant. Raises SettingsError, naming the tenant and the setting."""
    owners: dict[bytes, str] = {}
    for number, tenant in enumerate(tenants):
        for index, source in enumerate(tenant.keys):
            where = f"tenants.{number}.keys.{index} (tenant {tenant.name})"
            try:
                known = resolve(source, environ)
            except LookupError as error:
                raise SettingsError(f"{where}: {error}") from None
            if owners.setdefault(known, tenant.name) != tenant.name:
                raise SettingsError(f"{where}: the same key as one of tenant {owners[known]}")
    return owners
