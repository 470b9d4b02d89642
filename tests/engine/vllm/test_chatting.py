"""What is said before the weights are loaded of that which would fail with the first chat."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from sluice.engine.vllm.chatting import NO_TEMPLATE, check_chats
from sluice.engine.vllm.configuration import configure
from sluice.engine.vllm.launch import arguments
from sluice.settings import Settings
from sluice.settings.models import DEMO
from sluice.settings.section import Mistake


def said(engine: dict[str, Any], model: Path | str = "demo") -> str | None:
    settings = Settings.model_validate({"model": str(model), "engine": {"device": "cpu"} | engine})
    return check_chats(settings, configure(settings, arguments(settings, "cpu")))


@pytest.mark.parametrize(
    ("engine", "pattern"),
    [
        ({"tool_call_parser": "hermess"}, r"engine\.tool_call_parser: .*; did you mean hermes\? It has .*mistral"),
        ({"reasoning_parser": "qwen"}, r"engine\.reasoning_parser: .*qwen; did you mean qwen3\? It has .*deepseek_r1"),
        ({"tool_call_parser": "xyz!"}, r"engine\.tool_call_parser: .*xyz!; It has .*hermes"),
        ({"tool_call_parser": "hf"}, r"engine\.tool_call_parser: vLLM: .*response_template"),
        ({"reasoning_parser": "mistral"}, r"engine\.reasoning_parser: vLLM: .*tokenizer"),
    ],
)
def test_a_parser_that_cannot_be_is_told_with_its_key(engine: dict[str, Any], pattern: str) -> None:
    with pytest.raises(Mistake, match=f"^{pattern}") as error:
        said(engine)
    assert "\n" not in str(error.value)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The embedded model without its weights."""
    for path in DEMO.glob("*.json"):
        shutil.copy(path, tmp_path)
    return tmp_path


def test_a_model_that_chats_has_nothing_said_of_it(folder: Path) -> None:
    assert said({}) is None
    shutil.copy(DEMO / "chat_template.jinja", folder)
    assert said({}, folder) is None


def test_without_a_template_there_is_a_warning(folder: Path) -> None:
    assert said({}, folder) == NO_TEMPLATE


@pytest.mark.parametrize("template", ["{{ raise_exception('no') }}", "{% for", "{{ messages[7].content.x }}"])
def test_a_template_that_renders_no_chat_is_a_mistake(folder: Path, template: str) -> None:
    config = json.loads((folder / "tokenizer_config.json").read_text())
    (folder / "tokenizer_config.json").write_text(json.dumps(config | {"chat_template": template}))
    with pytest.raises(Mistake, match=r"^model: its chat template cannot render a plain chat: "):
        said({}, folder)
