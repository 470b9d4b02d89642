"""For templates that take a system message at the beginning and nowhere else."""

from msgspec.structs import replace

from sluice.engine.base import Chat


def system_first(chat: Chat) -> Chat | None:
    """The chat with all that its system messages say in one, before the others; None if it is so already."""
    system = [message for message in chat.messages if message["role"] == "system"]
    if not system or system == chat.messages[:1]:
        return None
    others = [message for message in chat.messages if message["role"] != "system"]
    content = "\n\n".join(message["content"] for message in system)
    return replace(chat, messages=[{"role": "system", "content": content}, *others])
