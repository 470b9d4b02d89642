"""The API, described: what the page and `/openapi.json` say is so, and needs nothing from elsewhere."""

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from sluice.api.docs import page
from sluice.app import create_app
from sluice.openai.chat.models import MOST_MESSAGES
from sluice.openai.sampling import MOST_BIASES, MOST_STOPS
from sluice.settings import Settings
from tests.api.test_rules import asking
from tests.fake import FakeEngine

CLOSING = {"meta"}


class Page(HTMLParser):
    """Its tags, whose nesting has to be right, and its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open, self.tags, self.text = list[str](), list[tuple[str, dict[str, str | None]]](), ""
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in CLOSING:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture
def app() -> FastAPI:
    return create_app(Settings(served_model_name=["org/o'name"]), FakeEngine())


async def get(app: FastAPI, path: str) -> httpx.Response:
    async with asking(app) as client:
        return await client.get(path)


async def test_the_page_shows_every_route_and_every_field(app: FastAPI) -> None:
    shown, described = Page((await get(app, "/docs")).text), (await get(app, "/openapi.json")).json()
    ids = {attributes["id"] for _, attributes in shown.tags if "id" in attributes}
    links = [attributes["href"] for tag, attributes in shown.tags if tag == "a"]
    assert {link[1:] for link in links if link} == ids
    operations = [(path, method) for path, methods in described["paths"].items() for method in methods]
    assert len(links) == len(operations) == len(ids)
    for path, method in operations:
        assert shown.text.count(f"{method.upper()} {path}") >= 2
        body = described["paths"][path][method].get("requestBody", {"content": {"application/json": {"schema": {}}}})
        schema = body["content"]["application/json"]["schema"]
        for model in [schema, *schema.get("$defs", {}).values()]:
            for field in model.get("properties", {}):
                assert field in shown.text
        for example in schema.get("examples", []):
            assert example["model"] == "org/o'name"


async def test_the_page_needs_nothing_from_elsewhere(app: FastAPI) -> None:
    answer = await get(app, "/docs")
    assert re.findall(r"https?:|//\w", answer.text) == []
    shown = Page(answer.text)
    assert not {tag for tag, _ in shown.tags} & {"script", "link", "img", "iframe", "form", "base"}
    assert not {name for _, attributes in shown.tags for name in attributes} & {"src", "style", "onload", "onclick"}
    (style,) = re.findall("<style>(.*)</style>", answer.text, re.S)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = answer.headers["content-security-policy"]
    assert policy.startswith(f"default-src 'none'; style-src 'sha256-{digest}';")
    assert "prefers-color-scheme" in style or "color-scheme: light dark" in style
    assert ("html", {"lang": "en"}) in shown.tags


async def test_nothing_of_fastapis_own_pages_is_left(app: FastAPI) -> None:
    for path in ("/redoc", "/docs/oauth2-redirect"):
        assert (await get(app, path)).status_code == 404


def test_what_is_described_cannot_break_the_page() -> None:
    evil = "<script>alert('\"&</script>"
    body = {"properties": {evil: {"const": evil, "default": evil}}, "examples": [{evil: evil}], "$defs": {evil: {}}}
    operation = {"description": evil, "requestBody": {"content": {"application/json": {"schema": body}}}}
    html = page({"info": {"title": evil, "version": evil, "summary": evil}, "paths": {f"/{evil}": {"post": operation}}})
    assert "script" not in {tag for tag, _ in Page(html).tags}


async def test_every_reference_leads_somewhere(app: FastAPI) -> None:
    described = (await get(app, "/openapi.json")).json()

    def lead(reference: str) -> Any:
        place = described
        for part in reference.removeprefix("#/").split("/"):
            place = place[part.replace("~1", "/")]
        return place

    references = re.findall(r'"(#/[^"]+)"', json.dumps(described))
    assert references
    assert all(lead(reference)["properties"] for reference in references)


async def test_what_is_not_served_and_how_much_may_be_there_is_told(app: FastAPI) -> None:
    body = (await get(app, "/openapi.json")).json()["paths"]["/v1/chat/completions"]["post"]["requestBody"]
    told = body["content"]["application/json"]["schema"]["properties"]
    assert (told["messages"]["maxItems"], told["stop"]["anyOf"][1]["maxItems"]) == (MOST_MESSAGES, MOST_STOPS)
    assert told["logit_bias"]["anyOf"][0]["maxProperties"] == MOST_BIASES
    assert (told["store"]["enum"], told["user"]["description"]) == ([None, False], "Changes nothing.")
    assert "Not served: only what changes nothing is accepted." in Page((await get(app, "/docs")).text).text


async def test_where_it_is_mounted_it_says_so(app: FastAPI) -> None:
    outer = FastAPI()
    outer.mount("/llm", app)
    assert "servers" not in (await get(app, "/openapi.json")).json()
    assert (await get(outer, "/llm/openapi.json")).json()["servers"] == [{"url": "/llm"}]
    assert (await get(outer, "/llm/docs")).text == (await get(app, "/docs")).text
