"""Simon Willison's llm, its command line: a model from its YAML file, streamed, a conversation, a schema, a tool."""

import json
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

COMMAND = str(Path(sys.executable).with_name("llm"))
MODEL = """\
- model_id: sluice
  model_name: demo
  api_base: {url}
  supports_tools: true
  supports_schema: true
"""
TOOL = """
def get_weather(city: str) -> str:
    "The weather."
    return f"rain in {city}"
"""


def ask(home: str, *arguments: str) -> str:
    command = [COMMAND, "prompt", "--model", "sluice", "--option", "temperature", "0", *arguments]
    env = os.environ | {"LLM_USER_PATH": home}
    return subprocess.run(command, env=env, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def main() -> None:
    with TemporaryDirectory() as home:
        Path(home, "extra-openai-models.yaml").write_text(MODEL.format(url=os.environ["OPENAI_BASE_URL"]))
        assert ask(home, "Count from 7 to 12.") == "7 8 9 10 11 12"
        assert ask(home, "--no-stream", "What is 17 + 25?") == "42"
        assert ask(home, "--continue", "What is 1 + 1?") == "2"
        print("did: chat, streamed and whole, and a second turn")
        typed = json.loads(ask(home, "--schema", "warm bool, degrees int", "What is 17 + 25?"))
        assert {key: type(value) for key, value in typed.items()} == {"warm": bool, "degrees": int}, typed
        print("did: a schema")
        for more in ((), ("--no-stream",)):
            said = ask(home, "--functions", TOOL, *more, "What is the weather in Oslo?")
            assert said == "The tool says: rain in Oslo", said
        print("did: a tool's round, streamed and whole")


main()
