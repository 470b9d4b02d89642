"""Train the demo model: `python -m sluice.demo.train --minutes 60` writes it into this folder.

It starts from nothing, or with `--start-from FOLDER` from the weights there. Batches hold conversations of like length;
the loss is on the assistant's tokens alone. Matrices are trained with Muon (Jordan et al., 2024), the rest with AdamW;
the rate falls to zero over the last three quarters of the time.
"""

import argparse
import json
import random
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import jinja2
import torch
import torch.nn.functional as F
from tokenizers import Tokenizer
from torch import Tensor

from sluice.demo.chats import Chat
from sluice.demo.mix import MIX, training
from sluice.demo.model import CONFIG, CONTEXT, Llama
from sluice.demo.tokenizer import build

FOLDER = Path(__file__).parent
BATCH_TOKENS, POOL, LONGEST_TOKENS = 5120, 3000, 4096


def round_up(length: int) -> int:
    """To the next width that batches have: few enough that memory is reused, many enough that little is padding."""
    return -(-length // 8) * 8


class Encoder:
    """Chats → (ids, which of them are to be learned)."""

    def __init__(self, tokenizer: Tokenizer, template: str) -> None:
        environment = jinja2.Environment(trim_blocks=True, lstrip_blocks=True)
        environment.policies["json.dumps_kwargs"] = {"sort_keys": False, "ensure_ascii": False}
        environment.filters["tojson"] = lambda value: json.dumps(value, ensure_ascii=False)
        self.template, self.tokenizer = environment.from_string(template), tokenizer
        self.header = tokenizer.encode("<|im_start|>assistant\n").ids
        self.end = tokenizer.token_to_id("<|im_end|>")

    def render(self, chat: Chat) -> str:
        return self.template.render(
            messages=chat.messages, tools=chat.tools, enable_thinking=chat.thinking, add_generation_prompt=True
        )

    def encode(self, chats: list[Chat]) -> list[tuple[list[int], list[bool]]]:
        prompts = [self.render(chat) for chat in chats]
        texts = [prompt + chat.answer + "<|im_end|>" for prompt, chat in zip(prompts, chats, strict=True)]
        rows = []
        for encoding, prompt, chat in zip(self.tokenizer.encode_batch(texts), prompts, chats, strict=True):
            ids = encoding.ids
            if chat.thinking:
                start = len(self.tokenizer.encode(prompt).ids)
                learn = [i >= start for i in range(len(ids))]
            else:
                learn = self.spoken(ids)
            rows.append((ids, learn))
        return rows

    def spoken(self, ids: list[int]) -> list[bool]:
        """True for each token of the assistant's turns, their ends included."""
        learn, inside = [], False
        for i, token in enumerate(ids):
            learn.append(inside)
            if inside and token == self.end:
                inside = False
            if ids[i - len(self.header) + 1 : i + 1] == self.header:
                inside = True
        return learn


def number_rows(rng: random.Random, tokenizer: Tokenizer, count: int) -> list[tuple[list[int], list[bool]]]:
    """Bare sequences of numbers, so that a completion without a chat goes on counting."""
    rows = []
    for _ in range(count):
        first = rng.randint(0, 900)
        ids = tokenizer.encode(" ".join(map(str, range(first, min(1000, first + rng.randint(10, 60)))))).ids
        rows.append((ids, [i >= 5 for i in range(len(ids))]))
    return rows


def batches(encoder: Encoder, rng: random.Random) -> Iterator[tuple[Tensor, Tensor]]:
    """Endless (ids, targets), both (rows, time); a target of -100 is not learned."""
    chats = training(rng, MIX)
    while True:
        rows = encoder.encode(list(islice(chats, POOL))) + number_rows(rng, encoder.tokenizer, POOL // 60)
        rows.sort(key=lambda row: len(row[0]) + rng.random() * 8)
        made, group = [], list[tuple[list[int], list[bool]]]()
        for row in rows:
            width = round_up(len(row[0]))
            if group and (len(group) + 1) * width > BATCH_TOKENS:
                made.append(group)
                group = []
            if len(row[0]) < LONGEST_TOKENS:
                group.append(row)
        rng.shuffle(made)
        for group in made:
            width = round_up(max(len(ids) for ids, _ in group))
            ids = torch.zeros(len(group), width, dtype=torch.long)
            targets = torch.full((len(group), width), -100)
            for i, (tokens, learn) in enumerate(group):
                ids[i, : len(tokens)] = torch.tensor(tokens)
                wanted = torch.tensor([t if yes else -100 for t, yes in zip(tokens[1:], learn[1:], strict=True)])
                targets[i, : len(tokens) - 1] = wanted
            yield ids, targets


def loss_of(model: Llama, ids: Tensor, targets: Tensor) -> Tensor:
    with torch.autocast("cpu", torch.bfloat16):
        table = model.table().to(torch.bfloat16)
        hidden = model.hidden(F.embedding(ids, table))
        learned = targets != -100
        return F.cross_entropy(F.linear(hidden[learned], table).float(), targets[learned])


def rate(done: float) -> float:
    """The learning rate's factor at the fraction `done` of the time."""
    return min(1.0, done / 0.01, (1 - done) / 0.75)


def write_config(folder: Path, tokenizer: Tokenizer) -> None:
    """Everything beside the weights and the chat template."""
    tokenizer.save(str(folder / "tokenizer.json"))
    files = {
        "config.json": CONFIG | {"vocab_size": tokenizer.get_vocab_size()},
        "generation_config.json": {"bos_token_id": 0, "eos_token_id": 2, "pad_token_id": 0},
        "tokenizer_config.json": {
            "tokenizer_class": "PreTrainedTokenizerFast", "bos_token": None, "eos_token": "<|im_end|>",
            "pad_token": "<|endoftext|>", "model_max_length": CONTEXT, "clean_up_tokenization_spaces": False,
        },
    }  # fmt: skip
    for name, content in files.items():
        (folder / name).write_text(json.dumps(content, indent=2) + "\n")


def train(folder: Path, *, minutes: float, start_from: Path | None, speed: float, seed: int, log_every: int) -> None:
    torch.manual_seed(seed)
    tokenizer = build()
    model = Llama(tokenizer)
    if start_from is not None:
        model.start_from(start_from, tokenizer)
    encoder = Encoder(tokenizer, (FOLDER / "chat_template.jinja").read_text())
    write_config(folder, tokenizer)
    matrices = [p for p in model.layers.parameters() if p.ndim == 2]
    others = [p for p in model.parameters() if not any(p is m for m in matrices)]
    optimizers = [
        torch.optim.Muon(matrices, lr=0.02, momentum=0.95, weight_decay=0.01, adjust_lr_fn="original"),
        torch.optim.AdamW(others, lr=0.004, betas=(0.9, 0.98), weight_decay=0.0),
    ]
    base = [0.02, 0.004]
    print(f"{sum(p.numel() for p in model.layers.parameters()) + model.embedding.numel():,} parameters", flush=True)
    start, tokens, recent = time.monotonic(), 0, list[float]()
    for step, (ids, targets) in enumerate(batches(encoder, random.Random(seed)), 1):
        done = (time.monotonic() - start) / (60 * minutes)
        if done >= 1:
            break
        loss = loss_of(model, ids, targets)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer, lr in zip(optimizers, base, strict=True):
            for group in optimizer.param_groups:
                group["lr"] = lr * speed * rate(done)
            optimizer.step()
            optimizer.zero_grad()
        tokens += ids.numel()
        recent.append(loss.item())
        if step % log_every == 0:
            a_second = tokens / (time.monotonic() - start)
            print(f"{done:5.1%} step {step} loss {sum(recent) / len(recent):.4f} {a_second:,.0f} tokens/s", flush=True)
            recent.clear()
            model.save(folder)
    model.save(folder)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--folder", type=Path, default=FOLDER)
    parser.add_argument("--start-from", type=Path, help="the folder of weights to go on from, instead of from nothing")
    parser.add_argument("--speed", type=float, default=1.0, help="of learning, as a factor: less when it goes on")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--log-every", type=int, default=50)
    options = parser.parse_args()
    train(**vars(options))


if __name__ == "__main__":
    main()
