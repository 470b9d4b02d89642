"""Thinking: asked for in all ways, shown and not shown, and cut."""

from collections.abc import Iterator

from tests.faithful.corpus.case import TWO, Case, both, chat, user

SUM = "What is 17 + 25?"
THINK = {"enable_thinking": True}


def cases() -> Iterator[Case]:
    for effort in ("none", "minimal", "low", "medium", "high", "xhigh", "max"):
        yield from both(chat(f"effort {effort}", SUM, reasoning_effort=effort))
    yield from both(
        chat("thoughts", SUM, chat_template_kwargs=THINK),
        chat("thoughts forbidden", SUM, chat_template_kwargs={"enable_thinking": False}),
        chat("thoughts against the effort", SUM, chat_template_kwargs=THINK, reasoning_effort="none"),
        chat(
            "an effort against the thoughts",
            SUM,
            chat_template_kwargs={"enable_thinking": False},
            reasoning_effort="low",
        ),
        chat("thoughts that are not shown", SUM, chat_template_kwargs=THINK, include_reasoning=False),
        chat("no thoughts, and none shown", SUM, include_reasoning=False),
        chat("thoughts that are cut", SUM, chat_template_kwargs=THINK, max_tokens=6),
        chat("thoughts of two", SUM, chat_template_kwargs=THINK, **TWO),
        chat("thoughts with ids", SUM, chat_template_kwargs=THINK, return_token_ids=True),
        chat("thoughts up to a stop", SUM, chat_template_kwargs=THINK, stop="is"),
        chat("a budget for thoughts", SUM, chat_template_kwargs=THINK, thinking_token_budget=3),
        chat("no budget for thoughts", SUM, chat_template_kwargs=THINK, thinking_token_budget=-1),
        chat("an argument that the template does not know", SUM, chat_template_kwargs={"nobody": 1}),
        chat(
            "thoughts in the history",
            messages=[
                *user(SUM),
                {"role": "assistant", "reasoning": "17 plus 25 is 42.", "content": "42"},
                *user("What is 1 + 1?"),
            ],
        ),
        chat(
            "thoughts in the history by their older name",
            messages=[
                *user(SUM),
                {"role": "assistant", "reasoning_content": "A sum.", "content": "42"},
                *user("What is 1 + 1?"),
            ],
        ),
    )
