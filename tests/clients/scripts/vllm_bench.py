"""`vllm bench serve`: over chat and over completions, each request of which must succeed.

The model and its tokenizer are what the server says that they are.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

REQUESTS, OUT = 12, 16


def measure(backend: str, path: str, folder: Path) -> None:
    subprocess.run(
        [
            sys.executable, "-m", "sluice.bench.frontend.vllm_serve", "bench", "serve", "--backend", backend,
            "--base-url", os.environ["SLUICE_URL"], "--endpoint", path,
            "--dataset-name", "random", "--random-input-len", "32", "--random-output-len", str(OUT),
            "--num-prompts", str(REQUESTS), "--max-concurrency", "4", "--ignore-eos", "--disable-tqdm",
            "--save-result", "--result-dir", str(folder), "--result-filename", "result.json",
        ],
        check=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    result = json.loads((folder / "result.json").read_text())
    assert (result["completed"], result["failed"]) == (REQUESTS, 0), result
    assert result["total_output_tokens"] == REQUESTS * OUT, result
    print(f"did: {path}: {REQUESTS} of {REQUESTS} requests, {OUT} tokens each")


def main() -> None:
    with TemporaryDirectory() as folder:
        measure("openai-chat", "/v1/chat/completions", Path(folder))
        measure("openai", "/v1/completions", Path(folder))


main()
