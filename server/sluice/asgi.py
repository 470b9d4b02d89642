"""`app`, for any ASGI server: `hypercorn sluice.asgi:app`. SLUICE_CONFIG names its settings file."""

import os
import sys
from pathlib import Path

from sluice.app import create_app
from sluice.checked import checked
from sluice.engine.vllm.engine import VLLMEngine
from sluice.errors import SettingsError
from sluice.settings import CONFIG
from sluice.stderr import tell
from sluice.telemetry.starts import Starts, cache_folder, key_of

config = os.environ.get(CONFIG)
try:
    settings, device = checked(Path(config) if config else None, [])
except SettingsError as error:
    tell(str(error))
    sys.exit(2)
starts = Starts(cache_folder(os.environ), key_of(settings.model_path, settings.engine, device))
app = create_app(settings, VLLMEngine(settings, device), announce=tell, starts=starts)
