"""The demo model as plain PyTorch: Llama's architecture, with embeddings that are built from shared features."""

from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from torch import Tensor, nn

WIDTH, LAYERS, HEADS, HIDDEN = 256, 4, 8, 640
ROPE_THETA, CONTEXT = 100_000.0, 32_768
EMBEDDINGS = "model.embed_tokens.weight"
CONFIG = {
    "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": WIDTH, "num_hidden_layers": LAYERS,
    "num_attention_heads": HEADS, "num_key_value_heads": HEADS, "head_dim": WIDTH // HEADS, "intermediate_size": HIDDEN,
    "hidden_act": "silu", "rms_norm_eps": 1e-5, "rope_theta": ROPE_THETA, "max_position_embeddings": CONTEXT,
    "rope_parameters": {"rope_type": "default", "rope_theta": ROPE_THETA},
    "attention_bias": False, "mlp_bias": False, "tie_word_embeddings": True, "torch_dtype": "bfloat16",
    "bos_token_id": 0, "eos_token_id": 2, "pad_token_id": 0,
}  # fmt: skip


def features(tokenizer: Tokenizer) -> Tensor:
    """(vocabulary, features) of 0 and 1: digits by place, a leading space, a capital, letters by place, the stem.

    Tokens that share a feature learn from each other; `Llama.table` folds them into one plain embedding.
    """
    pieces = [piece for piece, _ in sorted(tokenizer.get_vocab().items(), key=lambda item: item[1])]
    names: dict[str, int] = {}
    rows, columns = [], []
    for row, piece in enumerate(pieces):
        stem = piece.removeprefix("Ġ")
        has = []
        if stem.isascii() and stem.isdigit():
            has = [f"digit{place}={digit}" for place, digit in enumerate(f"{int(stem):03d}")]
        elif stem.isascii() and stem.isalpha():
            has = [f"letter{place}={letter}" for place, letter in enumerate(stem.lower()[:12])]
            has += ["stem=" + stem.lower(), "capital" if stem[0].isupper() else "small"]
        has += ["space"] if piece.startswith("Ġ") else []
        for name in has:
            rows.append(row)
            columns.append(names.setdefault(name, len(names)))
    out = torch.zeros(len(pieces), len(names))
    out[rows, columns] = 1
    return out


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotary position embedding, halves form; x: (batch, heads, time, head_dim)."""
    half = x.shape[-1] // 2
    a, b = x[..., :half], x[..., half:]
    return torch.cat([a * cos - b * sin, b * cos + a * sin], -1)


def attend(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Causal attention, spelled out: on a CPU the fused kernel's backward pass takes ten times as long."""
    time = q.shape[2]
    future = torch.ones(time, time, dtype=torch.bool, device=q.device).triu(1)
    scores = (q * q.shape[-1] ** -0.5) @ k.transpose(-1, -2)
    return scores.masked_fill_(future, float("-inf")).softmax(-1, dtype=v.dtype) @ v


class Norm(nn.RMSNorm):
    def forward(self, x: Tensor) -> Tensor:
        return F.rms_norm(x, self.normalized_shape, self.weight.to(x.dtype), self.eps)


class Layer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.q_proj, self.k_proj, self.v_proj, self.o_proj = (nn.Linear(WIDTH, WIDTH, bias=False) for _ in range(4))
        self.gate_proj, self.up_proj = (nn.Linear(WIDTH, HIDDEN, bias=False) for _ in range(2))
        self.down_proj = nn.Linear(HIDDEN, WIDTH, bias=False)
        self.input_layernorm, self.post_attention_layernorm = (Norm(WIDTH, eps=1e-5) for _ in range(2))
        for last in (self.o_proj, self.down_proj):
            nn.init.zeros_(last.weight)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        batch, time, _ = x.shape
        h = self.input_layernorm(x)
        q, k, v = (
            p(h).view(batch, time, HEADS, WIDTH // HEADS).transpose(1, 2)
            for p in (self.q_proj, self.k_proj, self.v_proj)
        )
        h = attend(rotate(q, cos, sin), rotate(k, cos, sin), v)
        x = x + self.o_proj(h.transpose(1, 2).reshape(batch, time, WIDTH))
        h = self.post_attention_layernorm(x)
        return x + self.down_proj(F.silu(self.gate_proj(h)) * self.up_proj(h))


class Llama(nn.Module):
    cos: Tensor
    sin: Tensor
    features: Tensor

    def __init__(self, tokenizer: Tokenizer) -> None:
        super().__init__()
        table = features(tokenizer)
        self.embedding = nn.Parameter(torch.randn(len(table), WIDTH) * 0.02)
        self.shared = nn.Parameter(torch.randn(table.shape[1], WIDTH) * 0.02)
        self.layers = nn.ModuleList(Layer() for _ in range(LAYERS))
        self.norm = Norm(WIDTH, eps=1e-5)
        head = WIDTH // HEADS
        angles = torch.outer(torch.arange(CONTEXT).float(), ROPE_THETA ** -(torch.arange(0, head, 2).float() / head))
        self.register_buffer("cos", angles.cos(), persistent=False)
        self.register_buffer("sin", angles.sin(), persistent=False)
        self.register_buffer("features", table, persistent=False)

    def table(self) -> Tensor:
        """(vocabulary, width): every token's own vector plus those of its features."""
        return self.embedding + self.features @ self.shared

    def hidden(self, x: Tensor) -> Tensor:
        """(batch, time, width) of embeddings → the last layer's output, normalized."""
        time = x.shape[1]
        cos, sin = self.cos[:time].to(x.dtype), self.sin[:time].to(x.dtype)
        for layer in self.layers:
            x = layer(x, cos, sin)
        return self.norm(x)

    def weights(self) -> dict[str, Tensor]:
        """All but the embeddings, under the names that Hugging Face's Llama has."""
        weights: dict[str, Tensor] = {"model.norm.weight": self.norm.weight}
        for number, layer in enumerate(self.layers):
            for name, tensor in layer.named_parameters():
                room = "self_attn." if name[:2] in ("q_", "k_", "v_", "o_") else "" if "norm" in name else "mlp."
                weights[f"model.layers.{number}.{room}{name}"] = tensor
        return weights

    @torch.no_grad()
    def start_from(self, folder: Path, tokenizer: Tokenizer) -> None:
        """Take over saved weights, and the rows of the tokens that this tokenizer shares with theirs."""
        saved = load_file(folder / "model.safetensors")
        for name, tensor in self.weights().items():
            tensor.copy_(saved[name])
        theirs = Tokenizer.from_file(str(folder / "tokenizer.json")).get_vocab()
        self.shared.zero_()
        for piece, row in tokenizer.get_vocab().items():
            if piece in theirs:
                self.embedding[row] = saved[EMBEDDINGS][theirs[piece]]

    def save(self, folder: Path) -> None:
        """Write bf16 weights."""
        weights = {EMBEDDINGS: self.table(), **self.weights()}
        whole = {name: tensor.detach().to(torch.bfloat16).contiguous() for name, tensor in weights.items()}
        save_file(whole, folder / "model.safetensors", metadata={"format": "pt"})
