"""Prints the JSON schema of the settings file: `python -m sluice.settings > configs/schema.json`."""

import json

from sluice.settings.models import Settings

if __name__ == "__main__":
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema"} | Settings.model_json_schema()
    print(json.dumps(schema, indent=2))
