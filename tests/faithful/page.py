"""docs/faithful.md, made from the corpus, the table of deliberate differences and the numbers of the last run."""

from tests.faithful.corpus.whole import THEMES, corpus
from tests.faithful.deliberate import DELIBERATE
from tests.process import ROOT

PAGE = ROOT / "docs" / "faithful.md"
BEGINS, ENDS = "<!-- run -->\n", "\n<!-- /run -->"
HEAD = """\
# Beside `vllm serve`

`make faithful` starts Sluice and `vllm serve` of the same version with the embedded model (float32, eager), sends
each request of a corpus to both, one after another, and compares the answers key by key: text, finish and stop
reasons, usage, logprobs (to 1e-4), tool calls, reasoning, token ids; streams are put together first. Of a refused
request the class of the status is compared. It ends with 1 if anything differs that is not in the table below, or if
something in the table is not seen any more. `python -m tests.faithful serve` starts the two servers and leaves them
up for further runs with `--urls`.

Not compared are ids, times, fingerprints and signatures; null is the same as a key that is not there. What differs is
asked for up to three times: on a busy machine vLLM puts tokens of a stream together, and some of its parsers then let
a marker through.

vLLM has the reasoning parser `deepseek_v3`, which heeds the request's word on thinking; with `deepseek_r1`, which
Sluice has for this model, vLLM takes every answer without thoughts for nothing but thoughts, and `content` is null.
Sluice asks a parser only about an answer that may have thoughts, so there the two are the same.
"""


def page(run: str) -> str:
    lines = [HEAD, BEGINS + run + ENDS, "", "## The corpus\n", "| theme | requests |", "| --- | --- |"]
    lines += [f"| {theme.__name__.rpartition('.')[2]} | {len(list(theme.cases()))} |" for theme in THEMES]
    lines += [f"| all | {len(corpus())} |", "", "## Differences that are meant\n"]
    lines += ["| requests | what differs | why |", "| --- | --- | --- |"]
    lines += [f"| {cells(each.cases)} | {cells(each.at)} | {each.reason} |" for each in DELIBERATE]
    return "\n".join(lines) + "\n"


def recorded() -> str:
    """What the page says of the last run."""
    return PAGE.read_text().partition(BEGINS)[2].partition(ENDS)[0]


def cells(texts: tuple[str, ...]) -> str:
    return ", ".join("`" + text.replace("|", "\\|") + "`" for text in texts)
