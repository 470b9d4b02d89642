"""`app`, for any ASGI server, as `sluice.asgi` makes it, but around the fake engine: it takes ASGI_FAKE, a JSON object
of settings, and prints what is announced on stderr. Its engine is slow enough to be interrupted."""

import json
import os
import sys

from sluice.app import create_app
from sluice.settings import Settings
from tests.fake import FakeEngine

app = create_app(
    Settings.model_validate(json.loads(os.environ["ASGI_FAKE"])),
    FakeEngine(seconds_a_token=0.01),
    announce=lambda line: print(f"sluice: {line}", file=sys.stderr, flush=True),
)
