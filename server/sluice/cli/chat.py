"""`sluice chat`: a conversation in the terminal."""

import readline  # noqa: F401 - gives input() its history and editing
import sys
import time
from typing import Annotated

import typer
from rich.console import Console

from sluice.cli.options import Key, Url
from sluice.client.conversation import Conversation
from sluice.client.server import Server
from sluice.errors import ServerFailed
from sluice.stderr import tell

Model = Annotated[str | None, typer.Option(help="Default: the first that the server names.")]
System = Annotated[str | None, typer.Option(help="What the model is told before all else.")]
HELP = "Ctrl-C stops an answer, Ctrl-D ends the conversation."


def chat(url: Url = "http://127.0.0.1:8000", *, model: Model = None, key: Key = None, system: System = None) -> None:
    """Talk with a model. Answers stream; Ctrl-C stops one, on the server too, and the conversation goes on."""
    server = Server(url, key)
    conversation = Conversation(server, model or server.first_model(), system)
    on_terminal = sys.stdin.isatty()
    if on_terminal:
        print(f"{conversation.model} at {server.url}. {HELP}", file=sys.stderr)
    while True:
        try:
            question = input("> " if on_terminal else "")
        except EOFError:
            return
        except KeyboardInterrupt:
            print(f"\n{HELP}", file=sys.stderr)
            continue
        if question.strip():
            answer(conversation, question, on_terminal)


def answer(conversation: Conversation, question: str, on_terminal: bool) -> None:
    """Print it as it comes. Where nobody types, a failure is the end: it raises ServerFailed."""
    out, began, tokens = Console(highlight=False, emoji=False), time.monotonic(), 0
    coming = conversation.ask(question)
    try:
        for piece in coming:
            tokens = piece.tokens or tokens
            style = "dim" if piece.kind == "reasoning" else None
            out.print(piece.text, end="", style=style, markup=False, soft_wrap=True)
        print()
        if on_terminal:
            print(f"{tokens} tokens, {tokens / (time.monotonic() - began):.1f} a second", file=sys.stderr)
    except KeyboardInterrupt:
        print("\nstopped", file=sys.stderr)
    except ServerFailed as error:
        if not on_terminal:
            raise
        print()
        tell(str(error))
    finally:
        coming.close()
