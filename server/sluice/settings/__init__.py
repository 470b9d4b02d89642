"""Settings: `load()` reads them, the models say what there is."""

from sluice.settings.differences import differences
from sluice.settings.load import Sources, load
from sluice.settings.models import EngineSettings, Http, Settings, Traffic
from sluice.settings.overrides import CONFIG
from sluice.settings.tenants import RequestClass, Tenant

__all__ = [
    "CONFIG", "EngineSettings", "Http", "RequestClass", "Settings", "Sources", "Tenant", "Traffic", "differences",
    "load",
]  # fmt: skip
