"""lm-eval: a local task by log-likelihood and one by generation; both score what transformers itself comes to."""

import json
import os
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import lm_eval
from lm_eval.tasks import TaskManager

URL, MODEL = os.environ["SLUICE_URL"], os.environ["DEMO_MODEL"]
REFERENCE = Path(__file__).with_name("lm_eval_reference.py")
CITIES = ["Paris", "Oslo", "Rome", "Berlin"]
DOCS = [
    {"text": f"{start}The capital of {country} is", "choices": [f" {city}" for city in CITIES], "gold": gold}
    for gold, country in enumerate(["France", "Norway", "Italy", "Germany"])
    for start in ("", "1 2 3. ", "Hello! ")
]
ASKED = [
    {"text": "What is 17 + 25?", "answer": "42"},
    {"text": "Spell the word banana.", "answer": "b-a-n-a-n-a"},
    {"text": "Count from 7 to 12.", "answer": "7 8 9 10 11 12"},
    {"text": "Reverse the word extraordinary.", "answer": "yranidroartxe"},
    {"text": "What is 480 + 77?", "answer": "557"},
    {"text": "What is the capital of Norway?", "answer": "Oslo"},
]
TASKS: dict[str, tuple[list[Any], str]] = {
    "by_loglikelihood": (DOCS, """
output_type: multiple_choice
doc_to_choice: choices
doc_to_target: gold
target_delimiter: ""
metric_list: [{metric: acc}]
"""),
    "by_generation": (ASKED, """
output_type: generate_until
doc_to_target: answer
generation_kwargs: {until: ["!!"], max_gen_toks: 40, temperature: 0}
metric_list: [{metric: exact_match}]
"""),
}  # fmt: skip


def write(folder: Path) -> None:
    for name, (docs, rest) in TASKS.items():
        data = folder / f"{name}.jsonl"
        data.write_text("".join(json.dumps(doc) + "\n" for doc in docs))
        (folder / f"{name}.yaml").write_text(f"""\
task: {name}
dataset_path: json
dataset_kwargs: {{data_files: {{test: {data}}}}}
test_split: test
doc_to_text: text
{rest}""")


def evaluate(task: str, model: str, path: str, folder: Path, tokenizer: str, *, chat: bool) -> Any:
    arguments = f"model=demo,base_url={URL}{path},{tokenizer},num_concurrent=2,max_retries=1,seed=1"
    results = lm_eval.simple_evaluate(
        model=model, model_args=arguments, tasks=[task], task_manager=TaskManager(include_path=str(folder)),
        apply_chat_template=chat, log_samples=True, bootstrap_iters=0,
    )  # fmt: skip
    assert results
    return results["results"][task], results["samples"][task]


def main() -> None:
    with TemporaryDirectory() as folder:
        write(Path(folder))
        asked = json.dumps({"model": MODEL, "choices": DOCS, "asked": ASKED})
        command = [os.environ["PROJECT_PYTHON"], str(REFERENCE)]
        wanted = json.loads(subprocess.run(command, input=asked, capture_output=True, text=True, check=True).stdout)
        own, remote = f"tokenizer={MODEL}", "tokenizer_backend=remote,tokenized_requests=True"
        for tokenizer in (own, remote):
            score, samples = evaluate(
                "by_loglikelihood", "local-completions", "/v1/completions", Path(folder), tokenizer, chat=False
            )
            for sample, values in zip(sorted(samples, key=lambda each: each["doc_id"]), wanted["values"], strict=True):
                got = [float(each[0][0]) for each in sample["resps"]]
                assert all(abs(one - other) < 1e-3 for one, other in zip(got, values, strict=True)), (got, values)
            assert score["acc,none"] == wanted["acc"], (score, wanted)
        print(
            f"did: log-likelihoods of {len(DOCS) * len(CITIES)} answers as transformers' own, "
            f"accuracy {wanted['acc']:.3f}; the same with the server's tokenizer"
        )
        score, _ = evaluate(
            "by_generation", "local-chat-completions", "/v1/chat/completions", Path(folder), own, chat=True
        )
        assert score["exact_match,none"] == wanted["exact_match"], (score, wanted)
        print(f"did: {len(ASKED)} generated answers, exact {wanted['exact_match']:.3f}, as transformers' own")


main()
