"""guidellm: benchmarks over chat and over completions, each request of which must succeed, with tokens counted."""

import json
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

REQUESTS, OUT = 12, 16
COMMAND = str(Path(sys.executable).with_name("guidellm"))


def measure(path: str, folder: Path) -> None:
    report = folder / "report.json"
    subprocess.run(
        [
            COMMAND, "run", "--backend", f"kind=openai_http,target={os.environ['SLUICE_URL']},request_format={path}",
            "--profile", "kind=concurrent,streams=2", "--constraint", f"kind=max_requests,count={REQUESTS}",
            "--tokenizer", f"kind=hf_auto,model={os.environ['DEMO_MODEL']}",
            "--data", f"kind=synthetic_text,prompt_tokens=32,output_tokens={OUT}",
            "--output", f"kind=json,path={report}", "--disable-console",
        ],
        check=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    [benchmark] = json.loads(report.read_text())["benchmarks"]
    totals = benchmark["metrics"]["request_totals"]
    assert (totals["successful"], totals["errored"]) == (REQUESTS, 0), totals
    tokens = benchmark["metrics"]["output_token_count"]["successful"]
    assert tokens["min"] == tokens["max"] == OUT, tokens
    print(f"did: {path}: {REQUESTS} of {REQUESTS} requests, {OUT} tokens each")


def main() -> None:
    with TemporaryDirectory() as folder:
        for path in ("/v1/chat/completions", "/v1/completions"):
            measure(path, Path(folder))


main()
