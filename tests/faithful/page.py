"""docs/faithful.md, made from the corpus and the table of deliberate differences."""

from tests.faithful.corpus.whole import THEMES, corpus
from tests.faithful.deliberate import DELIBERATE

HEAD = """\
# Beside `vllm serve`

`make faithful` starts Sluice and `vllm serve` of the same version with the embedded model (float32, eager), sends each
request of a corpus to both, and compares the answers key by key: text, finish and stop reasons, usage, logprobs (to
1e-4), tool calls, reasoning, token ids; streams are put together first. Of a refused request the class of the status is
compared. It ends with 1 if anything differs that is not in the table below.

Not compared are ids, times and fingerprints; null is the same as a key that is not there.

"""


def page() -> str:
    lines = [HEAD, "## The corpus\n", "| theme | requests |", "| --- | --- |"]
    lines += [f"| {theme.__name__.rpartition('.')[2]} | {len(list(theme.cases()))} |" for theme in THEMES]
    lines += [f"| all | {len(corpus())} |", "", "## Differences that are meant\n"]
    lines += ["| requests | what differs | why |", "| --- | --- | --- |"]
    lines += [f"| {cell(each.case)} | {cell(each.at)} | {each.reason} |" for each in DELIBERATE]
    return "\n".join(lines).replace("\n\n\n", "\n\n") + "\n"


def cell(text: str) -> str:
    return "`" + text.replace("|", "\\|") + "`"
