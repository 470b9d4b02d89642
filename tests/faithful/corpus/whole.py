"""The whole corpus."""

from tests.faithful.corpus import (
    anthropic,
    combined,
    invalid,
    logprobs,
    messages,
    odd,
    reasoning,
    responses,
    sampling,
    skills,
    structured,
    tokens,
    tools,
)
from tests.faithful.corpus.case import Case

THEMES = (
    skills,
    sampling,
    logprobs,
    tools,
    structured,
    reasoning,
    messages,
    invalid,
    tokens,
    anthropic,
    responses,
    combined,
    odd,
)


def corpus() -> list[Case]:
    """Every request has a name of its own."""
    cases = [case for theme in THEMES for case in theme.cases()]
    names = [case.name for case in cases]
    assert len(set(names)) == len(names), {name for name in names if names.count(name) > 1}
    return cases
