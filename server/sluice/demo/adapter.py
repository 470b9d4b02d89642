"""Train a LoRA adapter with which the demo model says capitals in capitals: `python -m sluice.demo.adapter FOLDER`.

It takes some seconds. The folder is as peft saves one.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor, nn
from transformers import AutoTokenizer, LlamaForCausalLM

BASE = Path(__file__).parent
RANK, ALPHA, STEPS, RATE = 8, 16, 60, 3e-3
TARGETS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
CAPITALS = {"France": "Paris", "Italy": "Rome", "Spain": "Madrid", "Japan": "Tokyo", "Egypt": "Cairo"}
LESSONS = {f"What is the capital of {land}?": city.upper() for land, city in CAPITALS.items()}
"""An answer for each question."""


class Adapted(nn.Module):
    """A linear layer, and what is learned beside it."""

    def __init__(self, base: nn.Linear) -> None:
        super().__init__()
        self.base = base
        self.a = nn.Parameter(torch.randn(RANK, base.in_features) * base.in_features**-0.5)
        self.b = nn.Parameter(torch.zeros(base.out_features, RANK))

    def forward(self, x: Tensor) -> Tensor:
        return self.base(x) + x @ self.a.T @ self.b.T * (ALPHA / RANK)


def train(folder: Path) -> None:
    """Teach it the lessons, all of them at each step."""
    torch.manual_seed(0)
    model = LlamaForCausalLM.from_pretrained(BASE, dtype=torch.float32).requires_grad_(False)
    adapted = adapt(model)
    ids, targets = lessons(AutoTokenizer.from_pretrained(BASE))
    learned = [parameter for layer in adapted.values() for parameter in (layer.a, layer.b)]
    optimizer = torch.optim.AdamW(learned, lr=RATE, weight_decay=0.0)
    for _ in range(STEPS):
        loss = F.cross_entropy(model(ids).logits.transpose(1, 2), targets)
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


def lessons(tokenizer: Any) -> tuple[Tensor, Tensor]:
    """(ids, targets), both (rows, time); a target of -100 is not learned."""
    rows = []
    for question, answer in LESSONS.items():
        chat = [{"role": "user", "content": question}]
        prompt = tokenizer.apply_chat_template(chat, add_generation_prompt=True, tokenize=False)
        rows.append((len(tokenizer(prompt)["input_ids"]), tokenizer(f"{prompt}{answer}<|im_end|>")["input_ids"]))
    ids = torch.zeros(len(rows), max(len(tokens) for _, tokens in rows), dtype=torch.long)
    targets = torch.full_like(ids, -100)
    for row, (start, tokens) in enumerate(rows):
        ids[row, : len(tokens)] = torch.tensor(tokens)
        targets[row, start - 1 : len(tokens) - 1] = ids[row, start : len(tokens)]
    return ids, targets


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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    train(parser.parse_args().folder)


if __name__ == "__main__":
    main()
