"""The page's files: they are all there, come from here alone, and carry nothing inline."""

import re
from html.parser import HTMLParser
from pathlib import Path

import httpx
import pytest

import sluice.page
from sluice.app import create_app
from sluice.page import INDEX, assets
from sluice.settings import Settings
from tests.api.test_rules import ADA, OPERATOR
from tests.fake import FakeEngine

FOLDER = Path(sluice.page.__file__).parent
OURS = [path for path in sorted(FOLDER.iterdir()) if path.suffix in {".js", ".css", ".html"}]


class Markup(HTMLParser):
    """What a document asks for, and what of it would be inline."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.asked, self.inline = list[str](), list[str]()
        self.ids, self.referred = set[str](), set[str]()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.asked += [given[name] or "" for name in ("src", "href") if name in given and tag != "a"]
        self.inline += [name for name in given if name == "style" or name.startswith("on")]
        if tag == "style" or (tag == "script" and "src" not in given):
            self.inline.append(tag)
        self.ids.add(given.get("id") or "")
        for name in ("for", "aria-labelledby", "aria-describedby"):
            self.referred.update((given.get(name) or "").split())


MARKUP = Markup((FOLDER / INDEX).read_text())


async def get(path: str, **headers: str) -> httpx.Response:
    app = create_app(Settings.model_validate(ADA | OPERATOR), FakeEngine())
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://sluice") as client:
        return await client.get(path, headers=headers)


async def test_the_page_loads_without_a_key_and_may_run_nothing_that_is_not_its_own() -> None:
    answer = await get("/")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    policy = dict(part.split(" ", 1) for part in answer.headers["content-security-policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert {policy[f"{kind}-src"] for kind in ("script", "style", "connect", "img")} == {"'self'"}
    assert policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert "unsafe" not in str(policy)
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("path", sorted(assets()))
async def test_each_file_comes_with_its_type_and_once(path: str) -> None:
    answer = await get(f"/page/{path}")
    assert answer.status_code == 200
    kind = {".js": "text/javascript", ".css": "text/css", ".html": "text/html", ".svg": "image/svg+xml"}
    assert answer.headers["content-type"] == f"{kind[Path(path).suffix]}; charset=utf-8"
    again = await get(f"/page/{path}", **{"if-none-match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize("path", ["nothing.js", "__init__.py", "uplot/LICENSE", "../app.py", "..%2Fapp.py", ""])
async def test_no_other_file_is_given_out(path: str) -> None:
    assert (await get(f"/page/{path}")).status_code == 404


def test_what_the_page_asks_for_is_there() -> None:
    assert MARKUP.inline == []
    assert {path.removeprefix("page/") for path in MARKUP.asked} <= set(assets())
    imported = {name for path in OURS for name in re.findall(r'from "\./([\w.]+)"', path.read_text())}
    assert imported < set(assets())
    used = imported | {path.removeprefix("page/") for path in MARKUP.asked} | {INDEX}
    assert used == set(assets())


@pytest.mark.parametrize("path", OURS, ids=lambda path: path.name)
def test_nothing_comes_from_elsewhere_and_nothing_is_made_of_text(path: Path) -> None:
    text = path.read_text()
    assert set(re.findall(r"https?://[^\s\"'`)]+", text)) <= {"http://www.w3.org/2000/svg"}
    assert re.findall(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", text) == []
    assert len(text.splitlines()) <= 160


def test_the_scripts_and_the_labels_name_what_is_there() -> None:
    asked = {name for path in OURS for name in re.findall(r'\bby\("([\w-]+)"\)', path.read_text())}
    assert asked | MARKUP.referred <= MARKUP.ids


def test_what_is_not_ours_has_its_licence_beside_it() -> None:
    assert "MIT License" in (FOLDER / "uplot" / "LICENSE").read_text()
