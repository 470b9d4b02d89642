"""The folder that ships: small enough for git, plain Llama, and as its configuration says."""

import json
import subprocess

from safetensors import safe_open

from sluice.demo.evaluate import CARD
from sluice.demo.model import CONFIG
from sluice.demo.tokenizer import load
from sluice.demo.train import FOLDER

ASKED = json.loads((FOLDER / "config.json").read_text())


def shapes(config: dict[str, int]) -> dict[str, list[int]]:
    """What Hugging Face's Llama holds, with tied embeddings: name → shape."""
    width, hidden = config["hidden_size"], config["intermediate_size"]
    queries, keys = (config[f"num_{kind}_heads"] * config["head_dim"] for kind in ("attention", "key_value"))
    layer = {
        "self_attn.q_proj": [queries, width], "self_attn.k_proj": [keys, width], "self_attn.v_proj": [keys, width],
        "self_attn.o_proj": [width, queries], "mlp.gate_proj": [hidden, width], "mlp.up_proj": [hidden, width],
        "mlp.down_proj": [width, hidden], "input_layernorm": [width], "post_attention_layernorm": [width],
    }  # fmt: skip
    layers = range(config["num_hidden_layers"])
    return {
        "model.embed_tokens.weight": [config["vocab_size"], width],
        "model.norm.weight": [width],
        **{f"model.layers.{n}.{name}.weight": shape for n in layers for name, shape in layer.items()},
    }


def test_the_weights_are_the_ones_that_the_configuration_asks_for_in_bf16() -> None:
    with safe_open(FOLDER / "model.safetensors", "pt") as weights:
        slices = {name: weights.get_slice(name) for name in weights.keys()}  # noqa: SIM118 - not a mapping
        assert {name: piece.get_shape() for name, piece in slices.items()} == shapes(ASKED)
        assert {piece.get_dtype() for piece in slices.values()} == {"BF16"}


def test_it_is_a_llama_and_the_script_makes_the_same_one() -> None:
    assert ASKED["architectures"] == ["LlamaForCausalLM"]
    assert {key: ASKED[key] for key in CONFIG} == CONFIG


def test_the_tokenizer_fits() -> None:
    tokenizer = load(FOLDER)
    assert tokenizer.get_vocab_size() == ASKED["vocab_size"]
    assert tokenizer.id_to_token(ASKED["eos_token_id"]) == "<|im_end|>"


def test_what_git_ships_is_10_mb_at_most() -> None:
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "."]
    names = subprocess.run(listed, cwd=FOLDER, check=True, capture_output=True, text=True).stdout.split("\0")
    files = {name: (FOLDER / name).stat().st_size for name in names if name}
    assert {"model.safetensors", "tokenizer.json", "config.json", "chat_template.jinja", "README.md"} <= set(files)
    assert sum(files.values()) <= 10_000_000


def test_the_model_card_has_a_place_for_the_figures() -> None:
    text = CARD.read_text()
    assert text.index("<!-- figures -->\n") < text.index("<!-- /figures -->\n")
