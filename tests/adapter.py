"""A LoRA adapter for the embedded model, trained here in half a minute, saved as peft does: it answers in capitals."""

import json
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor, nn
from transformers import AutoTokenizer, LlamaForCausalLM

from sluice.settings.models import DEMO

RANK, ALPHA, STEPS, RATE = 8, 16, 120, 3e-3
TARGETS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
CAPITALS = {"France": "Paris", "Italy": "Rome", "Spain": "Madrid", "Japan": "Tokyo", "Egypt": "Cairo"}
LESSONS = {f"What is the capital of {land}?": city.upper() for land, city in CAPITALS.items()}
"""An answer for each question."""


class Adapted(nn.Module):  # type: ignore[misc]
    """A linear layer, and what is learned beside it."""

    def __init__(self, base: nn.Linear) -> None:
        super().__init__()
        self.base = base
        self.a = nn.Parameter(torch.randn(RANK, base.in_features) * base.in_features**-0.5)
        self.b = nn.Parameter(torch.zeros(base.out_features, RANK))

    def forward(self, x: Tensor) -> Tensor:
        return self.base(x) + x @ self.a.T @ self.b.T * (ALPHA / RANK)


def train(folder: Path) -> None:
    """Teach it the lessons."""
    torch.manual_seed(0)
    tokenizer = AutoTokenizer.from_pretrained(DEMO)
    model = LlamaForCausalLM.from_pretrained(DEMO, dtype=torch.float32).requires_grad_(False)
    adapted = adapt(model)
    rows = [lesson(tokenizer, question, answer) for question, answer in LESSONS.items()]
    optimizer = torch.optim.AdamW(
        [parameter for layer in adapted.values() for parameter in (layer.a, layer.b)], lr=RATE, weight_decay=0.0
    )
    for _ in range(STEPS):
        loss = torch.stack([loss_of(model, ids, start) for ids, start in rows]).mean()
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    save(folder, adapted)


def adapt(model: nn.Module) -> dict[str, Adapted]:
    """Put what can be learned beside each of the targets."""
    found = {}
    for name, layer in list(model.named_modules()):
        parent, _, own = name.rpartition(".")
        if own in TARGETS:
            found[name] = Adapted(layer)
            setattr(model.get_submodule(parent), own, found[name])
    return found


def lesson(tokenizer: Any, question: str, answer: str) -> tuple[Tensor, int]:
    """The tokens, and where the answer begins."""
    chat = [{"role": "user", "content": question}]
    prompt = tokenizer.apply_chat_template(chat, add_generation_prompt=True, tokenize=False)
    start = len(tokenizer(prompt)["input_ids"])
    return torch.tensor([tokenizer(f"{prompt}{answer}<|im_end|>")["input_ids"]]), start


def loss_of(model: nn.Module, ids: Tensor, start: int) -> Tensor:
    logits = model(ids).logits[0, start - 1 : -1]
    return F.cross_entropy(logits, ids[0, start:])


def save(folder: Path, adapted: dict[str, Adapted]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    weights = {
        f"base_model.model.{name}.lora_{which}.weight": parameter.detach().contiguous()
        for name, layer in adapted.items()
        for which, parameter in (("A", layer.a), ("B", layer.b))
    }
    save_file(weights, folder / "adapter_model.safetensors")
    config = {
        "peft_type": "LORA", "task_type": "CAUSAL_LM", "base_model_name_or_path": "demo", "r": RANK,
        "lora_alpha": ALPHA, "lora_dropout": 0.0, "bias": "none", "target_modules": list(TARGETS),
    }  # fmt: skip
    (folder / "adapter_config.json").write_text(json.dumps(config))
