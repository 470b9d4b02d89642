"""Settings: `load()` reads them, the models say what there is."""

from server.settings.load import load
from server.settings.models import EngineSettings, Http, Settings, Traffic

__all__ = ["EngineSettings", "Http", "Settings", "Traffic", "load"]
