"""What a body is made of, counted before it is read: what would make many objects of few bytes is refused."""

from sluice.errors import InvalidRequest

SHORT_BODY_BYTES = 64 * 1024
"""A body up to this holds too little to be long in reading, however it is made."""
MOST_LEVELS = 64
"""Objects and lists inside each other."""
MOST_VALUES = 64 * 1024
"""Texts (keys, too), objects and lists: each costs up to thirty times its own bytes."""
MOST_ENTRIES = 512 * 1024
"""Entries of objects and lists, numbers among them: long prompts, as token ids. More would hold up all others."""
LONGEST_NUMBER = 400
"""Digits; reading takes their square. A number that fits has 309 at most."""

LISTS = bytes.maketrans(b"{}", b"[]")
NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
DIGITS = bytes.maketrans(b"123456789", b"0" * 9)


def check_structure(body: bytes) -> None:
    """Raises InvalidRequest; what is not JSON is left to whoever reads it. Each step is one short call of C's."""
    if len(body) <= SHORT_BODY_BYTES and body.count(b"[") + body.count(b"{") <= MOST_LEVELS:
        return
    body, texts = outside_texts(body)
    if texts + body.count(b"[") + body.count(b"{") > MOST_VALUES:
        raise too_many("texts, objects and lists", MOST_VALUES)
    if body.count(b",") >= MOST_ENTRIES:
        raise too_many("entries", MOST_ENTRIES)
    if b"0" * (LONGEST_NUMBER + 1) in body.translate(DIGITS):
        raise InvalidRequest(f"The body has a number of more than {LONGEST_NUMBER} digits.")
    if levels(body) > MOST_LEVELS:
        raise InvalidRequest(f"The body is nested too deeply: {MOST_LEVELS} levels are the most.")


def outside_texts(body: bytes) -> tuple[bytes, int]:
    """What is not in a text, and how many texts there are. Raises InvalidRequest if they are too many."""
    if b"\\" in body:  # then each quote that is left begins or ends a text
        body = body.replace(b"\\\\", b"").replace(b'\\"', b"")
    texts = body.count(b'"') // 2
    if texts > MOST_VALUES:
        raise too_many("texts, objects and lists", MOST_VALUES)
    return b"".join(body.split(b'"')[::2]), texts


def levels(outside: bytes) -> int:
    """How deep brackets are nested, which are not in a text; counted up to one too many."""
    brackets, found = outside.translate(LISTS, NO_BRACKETS), 0
    while brackets and found <= MOST_LEVELS:
        found, brackets = found + 1, brackets.replace(b"[]", b"")
    return found


def too_many(what: str, most: int) -> InvalidRequest:
    return InvalidRequest(f"The body has too many {what}: {most} are the most.")
