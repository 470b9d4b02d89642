"""Settings: `load()` reads them, the models say what there is."""

from server.settings.differences import differences
from server.settings.load import load
from server.settings.models import EngineSettings, Http, Settings, Traffic
from server.settings.tenants import RequestClass, Tenant

__all__ = ["EngineSettings", "Http", "RequestClass", "Settings", "Tenant", "Traffic", "differences", "load"]
