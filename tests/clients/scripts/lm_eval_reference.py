"""What lm_eval.py's tasks score when transformers runs the model: JSON in, JSON out."""

import json
import sys
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer


def main() -> None:
    given = json.load(sys.stdin)
    tokenizer: Any = AutoTokenizer.from_pretrained(given["model"])
    model: Any = AutoModelForCausalLM.from_pretrained(given["model"], dtype=torch.float32).eval()

    @torch.inference_mode()
    def likelihood(text: str, more: str) -> float:
        before, tokens = len(tokenizer(text).input_ids), tokenizer(text + more).input_ids
        logprobs = model(torch.tensor([tokens])).logits[0].log_softmax(-1)
        return sum(float(logprobs[at - 1, tokens[at]]) for at in range(before, len(tokens)))

    @torch.inference_mode()
    def answer(text: str) -> str:
        messages = [{"role": "user", "content": text}]
        prompt = tokenizer.apply_chat_template(
            messages, add_generation_prompt=True, return_tensors="pt", return_dict=True
        )
        tokens = model.generate(**prompt, max_new_tokens=40, do_sample=False)[0][prompt["input_ids"].shape[1] :]
        return str(tokenizer.decode(tokens, skip_special_tokens=True))

    values = [[likelihood(each["text"], choice) for choice in each["choices"]] for each in given["choices"]]
    right = [
        max(range(len(each)), key=each.__getitem__) == doc["gold"]
        for each, doc in zip(values, given["choices"], strict=True)
    ]
    exact = [answer(each["text"]) == each["answer"] for each in given["asked"]]
    json.dump({"values": values, "acc": sum(right) / len(right), "exact_match": sum(exact) / len(exact)}, sys.stdout)


main()
