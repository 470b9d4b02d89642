"""Special tokens that a chat's texts only speak of: they are text, and open no turn."""

import re
import secrets
from collections.abc import Callable, Iterator
from typing import Any

from msgspec.structs import replace

from sluice.engine.base import Chat

CONVERSATIONS = (("system", "user"), ("user", "assistant", "user"), ("user", "assistant", "tool", "user"))
"""What a template is shown. None ends with an assistant, of whom some templates write thoughts then."""
PART_CHARACTERS = 65_536


class SpecialTokens:
    """Those that a chat is made of, told from the same words in a text of a user, of the system or of a tool.

    `hide` puts digits into such a text, of which a template knows nothing; `encode` has a tokenizer that knows the
    tokens by other names. What the template has written gets these names, and the digits become the words again, which
    are nothing special there. So all of the text is tokenized at once, as it stands.
    """

    def __init__(
        self, tokens: list[str], rename: Callable[[dict[str, str]], Callable[[str], list[int]]], is_normalized: bool
    ) -> None:
        """`tokens`: as they are written. `is_normalized`: they are found in other spellings, too."""
        self.tokens = tokens
        self.is_normalized = is_normalized
        self.leads = {token[0] for token in tokens}
        self.longest = max(map(len, tokens))
        self.written = re.compile("|".join(map(re.escape, sorted(tokens, key=len, reverse=True))))
        secret, width = secrets.randbelow(10**30), len(str(len(tokens)))
        self.hidden = {token: f"7{secret:030}{index:0{width}}" for index, token in enumerate(tokens)}
        self.names = {token: f"8{secret:030}{index:0{width}}" for index, token in enumerate(tokens)}
        self.digits = re.compile(rf"7{secret:030}(\d{{{width}}})")
        self.renamed = rename(self.names)

    def hide(self, chat: Chat) -> Chat | None:
        """The chat, with nothing special in its texts; None if there is nothing to be done about it."""
        theirs = [message for message in chat.messages if message["role"] != "assistant"]
        inside = [theirs, chat.template_kwargs, chat.tools]
        if not self.is_normalized and not any(map(self.is_in, inside)):
            return None
        messages = [each if each["role"] == "assistant" else self.without(each) for each in chat.messages]
        kwargs, tools = self.without(chat.template_kwargs), self.without(chat.tools)
        return replace(chat, messages=messages, template_kwargs=kwargs, tools=tools)

    def is_in(self, value: Any) -> bool:
        """Anywhere inside."""
        inside = [value]
        while inside:
            value = inside.pop()
            if isinstance(value, str):
                for lead in self.leads:
                    if lead in value and next(self.occurrences(value), None):
                        return True
            elif isinstance(value, dict):
                inside += value
                inside += value.values()
            elif isinstance(value, list):
                inside += value
        return False

    def without(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.replace(value, self.hidden)
        if isinstance(value, dict):
            return {self.without(key): self.without(inside) for key, inside in value.items()}
        if isinstance(value, list):
            return [self.without(inside) for inside in value]
        return value

    def encode(self, rendered: str) -> list[int]:
        """The tokens of what a template has made of a hidden chat."""
        text = self.replace(rendered, self.names)
        return self.renamed(self.digits.sub(lambda found: self.tokens[int(found[1])], text))

    def replace(self, text: str, words: dict[str, str]) -> str:
        """Other words in the place of the tokens."""
        pieces, end = list[str](), 0
        for found in self.occurrences(text):
            pieces += (text[end : found.start()], words[found[0]])
            end = found.end()
        return "".join((*pieces, text[end:]))

    def occurrences(self, text: str) -> Iterator[re.Match[str]]:
        """Of the tokens, in order. Looks at a part at a time: while the whole is looked at, no other thread runs."""
        start = 0
        while start < len(text):
            found = self.written.search(text, start, start + PART_CHARACTERS + self.longest)
            if found is None or found.start() > start + PART_CHARACTERS:  # there, a longer one may be cut off
                start += PART_CHARACTERS
            else:
                yield found
                start = found.end()


def between_turns(write: Callable[[Chat], str | list[int]], added: list[str]) -> set[str]:
    """The added tokens that a template itself writes around what is said, be they special or not.

    Raises ValueError for a template that writes no text.
    """
    found = set[str]()
    for roles in CONVERSATIONS:
        messages = [{"role": role, "content": role.upper(), "tool_call_id": "called"} for role in roles]
        try:
            text = write(Chat(messages, {"add_generation_prompt": False}))
        except Exception:  # not all of them know every role
            continue
        if not isinstance(text, str):
            raise ValueError("the template makes tokens itself")
        found |= {token for token in added if token in text}
    return found
