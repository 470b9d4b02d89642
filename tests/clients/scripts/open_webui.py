"""Open WebUI, a chat page, without the browser: its server, what its page sends to it, and what it shows of an answer.

It signs up, looks for the models, chats, thinks, calls a tool of the page's own, stops an answer and is told an error.
Titles, tags and what might be asked next the page has made by itself.
"""

import asyncio
import os
import socket
import sys
import time
from asyncio.subprocess import create_subprocess_exec
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

import httpx
import socketio

COMMAND = str(Path(sys.executable).with_name("open-webui"))
SLUICE, BASE_URL = os.environ["SLUICE_URL"], os.environ["OPENAI_BASE_URL"]
SETTINGS = {
    "WEBUI_SECRET_KEY": "a secret of the server's, which is a long one", "OPENAI_API_BASE_URL": BASE_URL,
    "ENABLE_OLLAMA_API": "false", "OFFLINE_MODE": "true", "RAG_EMBEDDING_ENGINE": "openai",
    "ANONYMIZED_TELEMETRY": "false",
}  # fmt: skip
ADA = {"name": "Ada", "email": "ada@example.com", "password": "a secret of Ada's"}
TASKS = {"title_generation": True, "tags_generation": True, "follow_up_generation": True}
TOOL = '''
class Tools:
    def get_weather(self, city: str) -> str:
        """
        The weather.
        :param city: The city.
        """
        return f"rain in {city}"
'''


@asynccontextmanager
async def served(folder: str) -> AsyncIterator[str]:
    """Its server, which does not say when it listens; gives the URL."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    command = (COMMAND, "serve", "--host", "127.0.0.1", "--port", str(port))
    env = os.environ | SETTINGS | {"DATA_DIR": folder}
    process = await create_subprocess_exec(*command, cwd=folder, env=env, stdout=sys.stderr)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        await process.wait()


class Page:
    """One chat of the page's. `last`: the answer that a further question follows."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http, self.socket = http, socketio.AsyncClient()
        self.events = defaultdict[str | None, asyncio.Queue[dict[str, Any]]](asyncio.Queue)
        self.socket.on("events", lambda event: self.events[event["chat_id"]].put_nowait(event["data"]))
        self.chat: str | None = None
        self.last: str | None = None

    async def post(self, path: str, body: Any = None) -> Any:
        response = await self.http.post(path, json=body)
        assert response.is_success, response.text
        return response.json()

    async def get(self, path: str) -> Any:
        response = await self.http.get(path)
        assert response.is_success, response.text
        return response.json()

    async def sign_up(self) -> None:
        token = (await self.post("/api/v1/auths/signup", ADA))["token"]
        self.http.headers["Authorization"] = f"Bearer {token}"
        await self.socket.connect(
            str(self.http.base_url), socketio_path="/ws/socket.io", auth={"token": token}, transports=["websocket"]
        )

    def leave(self) -> None:
        """For a new chat."""
        self.chat = self.last = None

    async def send(self, text: str, **more: Any) -> None:
        """A question; `more`: of the request's fields."""
        answer, begins = str(uuid4()), self.chat is None
        message = {
            "id": str(uuid4()), "parentId": self.last, "childrenIds": [], "role": "user", "content": text,
            "timestamp": int(time.time()), "models": ["demo"],
        }  # fmt: skip
        body = {
            "stream": True, "model": "demo", "params": {}, "features": {}, "variables": {}, "tool_servers": [],
            "session_id": self.socket.get_sid(), "id": answer, "parent_id": self.last, "user_message": message,
            "background_tasks": TASKS if begins else {"follow_up_generation": True}, **more,
        }  # fmt: skip
        sent = await self.post("/api/chat/completions", body if begins else body | {"chat_id": self.chat})
        self.chat, self.last = sent["chat_id"], answer

    async def come(self, *wanted: str) -> list[dict[str, Any]]:
        """The chat's events, until one of each of these types has come."""
        events, missing = list[dict[str, Any]](), set(wanted)
        async with asyncio.timeout(240):
            while missing:
                events.append(await self.events[self.chat].get())
                missing.discard(type_of(events[-1]))
        return events

    async def ask(self, text: str, *wanted: str, **more: Any) -> list[dict[str, Any]]:
        """All that comes until the page is at rest, and has these, too."""
        await self.send(text, **more)
        return await self.come("rest", *wanted)


def type_of(event: dict[str, Any]) -> str:
    return "rest" if event["type"] == "chat:active" and not event["data"]["active"] else str(event["type"])


def deltas(events: list[dict[str, Any]], kind: str = "output_text") -> list[str]:
    """What came of an answer, piece by piece."""
    told = [each["data"] for each in events if each["type"] == "response:completion"]
    return [each["delta"] for each in told if each.get("type") == f"response.{kind}.delta"]


def output(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The parts of the whole answer."""
    told = [each["data"] for each in events if each["type"] == "chat:completion"]
    return next(each["output"] for each in reversed(told) if each.get("done"))


def said(events: list[dict[str, Any]]) -> str:
    texts = [part["content"] for part in output(events) if part["type"] == "message"]
    return "".join(piece["text"] for content in texts for piece in content).strip()


async def begins(page: Page) -> None:
    await page.post("/openai/verify", {"url": BASE_URL, "key": "none"})
    assert [model["id"] for model in (await page.get("/api/models"))["data"]] == ["demo"]
    assert output(await page.ask("Count from 7 to 12."))
    print("did: signing up, the models, a turn with all tools that the page has")


async def chats(page: Page) -> None:
    """Without these tools, which the model has not been trained on."""
    page.leave()
    told = {"capabilities": {"builtin_tools": False, "usage": True}}
    await page.post("/api/v1/models/create", {"id": "demo", "name": "demo", "meta": told, "params": {}})
    await page.get("/api/models")  # as the page does then
    events = await page.ask("Count from 7 to 12.", "chat:title", "chat:message:follow_ups")
    assert (said(events), len(deltas(events)) > 3) == ("7 8 9 10 11 12", True), events
    assert "".join(deltas(events)) == "7 8 9 10 11 12"
    [title] = (each["data"] for each in events if each["type"] == "chat:title")
    assert said(await page.ask("What is 17 + 25?")) == "42"
    kept = await page.get(f"/api/v1/chats/{page.chat}")
    assert kept["title"] == title != "New Chat"
    assert len(kept["chat"]["history"]["messages"]) == 4
    print("did: a chat of two turns, streamed, with a title, tags and follow-ups")


async def thinks(page: Page) -> None:
    page.leave()
    events = await page.ask("What is 17 + 25?", params={"reasoning_effort": "low"})
    assert said(events) == "42", events
    assert [part["type"] for part in output(events)] == ["reasoning", "message"]
    assert "".join(deltas(events, "reasoning_text")).strip() == "17 plus 25 is 42.", events
    print("did: thinking")


async def calls_a_tool(page: Page) -> None:
    page.leave()
    await page.post("/api/v1/tools/create", {"id": "weather", "name": "Weather", "content": TOOL, "meta": {}})
    events = await page.ask("What is the weather in Oslo?", tool_ids=["weather"])
    assert said(events) == "The tool says: rain in Oslo", events
    print("did: a tool of the page's")


async def stops(page: Page) -> None:
    page.leave()
    before = await aborted()
    await page.send("Count from 1 to 900.")
    await page.come("response:completion")
    await page.post(f"/api/tasks/chat/{page.chat}/stop")
    await page.come("rest")
    async with asyncio.timeout(60):
        while await aborted() == before:  # Sluice sees it when the page has closed its connection
            pass
    print("did: an answer that is stopped is stopped in the engine")


async def aborted() -> int:
    """How many answers have been, in Sluice."""
    async with httpx.AsyncClient() as client:
        return int((await client.get(f"{SLUICE}/status")).json()["finished"]["aborted"])


async def is_told(page: Page) -> None:
    page.leave()
    events = await page.ask("one two " * 20_000, "chat:message:error")
    assert "maximum context length" in str(events), events
    print("did: an error is shown")


async def main() -> None:
    patient = httpx.AsyncHTTPTransport(retries=9)
    with TemporaryDirectory() as folder:
        async with served(folder) as url, httpx.AsyncClient(base_url=url, timeout=120, transport=patient) as http:
            page = Page(http)
            await page.sign_up()
            for work in (begins, chats, thinks, calls_a_tool, stops, is_told):
                await work(page)
            await page.socket.disconnect()


asyncio.run(main())
