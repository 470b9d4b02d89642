"""The API, described: as OpenAPI, and as one page for people, which needs no script and nothing from elsewhere."""

import asyncio
import base64
import hashlib
import json
import re
import shlex
from collections.abc import Callable, Iterator
from html import escape
from typing import Any

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from sluice.api.auth import Auth
from sluice.transport.sse import to_json

STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { max-width: 60rem; margin: auto; padding: 1rem; }
h2 { margin-top: 2.5rem; border-top: 1px solid; padding-top: 1rem; font-size: 1.2rem; }
code, pre { font-family: ui-monospace, monospace; font-size: 0.9em; }
pre { overflow-x: auto; padding: 0.75rem; border: 1px solid; border-radius: 0.3rem; }
table { border-collapse: collapse; width: 100%; margin: 1rem 0; }
caption { text-align: left; font-weight: bold; }
th, td { text-align: left; vertical-align: top; padding: 0.2rem 1rem 0.2rem 0; border-bottom: 1px solid; }
"""
DIGEST = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
POLICY = f"default-src 'none'; style-src 'sha256-{DIGEST}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
BOUNDS = {
    "minimum": "at least {}", "exclusiveMinimum": "more than {}", "maximum": "at most {}", "minItems": "at least {}",
    "maxItems": "at most {}", "maxProperties": "at most {}", "minLength": "at least {} long",
    "maxLength": "at most {} long",
}  # fmt: skip


def docs(openapi: Callable[[], dict[str, Any]], auth: Auth) -> APIRouter:
    """`openapi`: FastAPI's, which makes it once; that takes a moment, and so it is not on the loop."""
    router = APIRouter(include_in_schema=False, dependencies=[Depends(auth.anyone)])
    pages = list[str]()

    @router.get("/openapi.json")
    async def document(request: Request) -> Response:
        root = request.scope.get("root_path", "")
        servers = {"servers": [{"url": root}]} if root else {}
        described = await asyncio.to_thread(openapi)
        return Response(to_json(described | servers), media_type="application/json")

    @router.get("/docs")
    async def shown() -> Response:
        if not pages:
            pages.append(page(await asyncio.to_thread(openapi)))
        return HTMLResponse(pages[0], headers={"content-security-policy": POLICY})

    return router


def page(openapi: dict[str, Any]) -> str:
    operations = [
        (path, method, each) for path, methods in openapi["paths"].items() for method, each in methods.items()
    ]
    info = openapi["info"]
    return "".join((
        '<!doctype html><html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escape(info['title'])}: the API</title><style>{STYLE}</style></head><body><main>",
        f"<h1>{escape(info['title'])} {escape(info['version'])}</h1><p>{marked(info.get('summary', ''))}</p>",
        "<p>The same for programs: <code>GET /openapi.json</code>. In the examples <code>$URL</code> is this server's "
        "address, and <code>$KEY</code> your key, where keys are needed. Null is the same as not given.</p>"
        "<nav aria-label=\"Routes\"><ul>",
        *(f'<li><a href="#{anchor(path, method)}"><code>{method.upper()} {escape(path)}</code></a></li>'
          for path, method, _ in operations),
        "</ul></nav>",
        *(section(path, method, operation) for path, method, operation in operations),
        "</main></body></html>",
    ))  # fmt: skip


def section(path: str, method: str, operation: dict[str, Any]) -> str:
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    command = f'curl "$URL{path}" -H "Authorization: Bearer $KEY"'
    for example in body.get("examples", ())[:1]:
        command += f" \\\n  -H 'Content-Type: application/json' -d {shlex.quote(json.dumps(example))}"
    tables = [(name, schema) for name, schema in [("The body", body), *body.get("$defs", {}).items()] if schema]
    return "".join((
        f'<section id="{anchor(path, method)}"><h2><code>{method.upper()} {escape(path)}</code></h2>',
        f"<p>{marked(operation.get('description', ''))}</p>",
        f"<pre tabindex=\"0\">{escape(command, quote=False)}</pre>",
        *(table(name, schema) for name, schema in tables),
        "</section>",
    ))  # fmt: skip


def table(name: str, schema: dict[str, Any]) -> str:
    required = schema.get("required", ())
    return "".join((
        f"<table><caption>{escape(name)}</caption><thead><tr>",
        *(f'<th scope="col">{column}</th>' for column in ("Field", "Kind", "Default", "Note")), "</tr></thead><tbody>",
        *(f'<tr><th scope="row"><code>{escape(field)}</code></th><td>{escape(" or ".join(kinds(of)))}</td>'
          f"<td>{'required' if field in required else escape(json.dumps(of.get('default')))}</td>"
          f"<td>{marked(of.get('description', ''))}</td></tr>"
          for field, of in schema.get("properties", {}).items()),
        "</tbody></table>",
    ))  # fmt: skip


def kinds(schema: dict[str, Any]) -> Iterator[str]:
    """In words, null left out; a model by its name."""
    for choice in [*schema.get("anyOf", ()), *schema.get("oneOf", ())]:
        if choice != {"type": "null"}:
            yield from kinds(choice)
    if "$ref" in schema:
        yield schema["$ref"].rpartition("/")[2]
    elif "const" in schema or "enum" in schema:
        yield from (json.dumps(value) for value in schema.get("enum") or [schema["const"]])
    elif "type" in schema:
        items = f" of {' or '.join(kinds(schema['items']))}" if "items" in schema else ""
        bounds = [text.format(f"{schema[key]:,}".removesuffix(".0")) for key, text in BOUNDS.items() if key in schema]
        yield ", ".join((f"{schema['type']}{items}", *bounds))
    elif not {"anyOf", "oneOf"} & set(schema):
        yield "anything"


def anchor(path: str, method: str) -> str:
    return re.sub(r"\W+", "-", f"{method}{path}").strip("-")


def marked(text: str) -> str:
    """With `code` as code."""
    return re.sub("`([^`]+)`", r"<code>\1</code>", escape(text, quote=False))
