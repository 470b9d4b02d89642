"""Who may call what: every route declares it, and whoever may not is told why."""

import hashlib
from typing import Any

import httpx
import pytest
from fastapi import APIRouter, Depends, FastAPI
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute

from sluice.api.auth import Auth
from sluice.app import create_app
from sluice.settings import Settings
from tests.fake import FakeEngine

RULES = {Auth.anyone, Auth.tenant, Auth.tenant_at_intake, Auth.operator}


def key(name: str) -> dict[str, Any]:
    return {"keys": [f"sha256:{hashlib.sha256(f'sk-{name}'.encode()).hexdigest()}"]}


ADA = {"tenants": [{"name": "ada"} | key("ada")]}
OPERATOR = {"operators": key("operator")}
SCORING = {"/v1/score", "/score", "/v1/rerank", "/rerank", "/v2/rerank"}
GENERATING = {
    "/v1/chat/completions", "/v1/completions", "/v1/responses", "/v1/messages", "/v1/embeddings", *SCORING
}  # fmt: skip
TOKENIZING = {"/tokenize", "/detokenize", "/v1/messages/count_tokens"}
OF_TENANTS = {"/v1/models", "/v1/models/{name:path}", "/version", "/tokenizer_info"}
OF_OPERATORS = {"/status", "/metrics"}
WATCHED = {"/status/events"}
PAGE = {"/", "/page/{path:path}"}
PROBES = {"/livez", "/readyz", "/healthz", "/health"}
DESCRIBED = {"/docs", "/openapi.json"}


def rules(app: FastAPI) -> dict[str, str]:
    """Of each route."""
    return {path_of(route): rule(route) for route in app.routes}


def path_of(route: BaseRoute) -> str:
    return str(getattr(route, "path", route))


def rule(route: BaseRoute) -> str:
    """Raises AssertionError if there is not exactly one."""
    dependencies = route.dependant.dependencies if isinstance(route, APIRoute) else []
    calls: list[Any] = [dependency.call for dependency in dependencies]
    found = [call.__func__.__name__ for call in calls if getattr(call, "__func__", None) in RULES]
    assert len(found) == 1, f"{path_of(route)} declares {found or 'no rule'}"
    return str(found[0])


def test_every_route_declares_who_may_call_it() -> None:
    app = create_app(Settings(), FakeEngine())
    declared = rules(app)
    assert {path for path in declared if declared[path] == "anyone"} == DESCRIBED | PROBES | PAGE
    assert {path for path in declared if declared[path] == "operator"} == OF_OPERATORS | WATCHED
    assert {path for path in declared if declared[path] == "tenant_at_intake"} == GENERATING | TOKENIZING
    assert {path for path in declared if declared[path] == "tenant"} == OF_TENANTS
    assert set(app.state.intake.paths) == GENERATING
    methods = [route.methods for route in app.routes if isinstance(route, APIRoute)]
    assert set[str]().union(*methods) == {"GET", "POST"}  # a HEAD is served as the GET, by the same rule
    assert app.user_middleware == []


@pytest.mark.parametrize("count", [0, 2])
def test_a_route_without_a_rule_or_with_two_is_found(count: int) -> None:
    app = create_app(Settings(), FakeEngine())
    auth, router = Auth(app.state.intake.tenants), APIRouter()
    router.add_api_route(
        "/new", lambda: None, dependencies=[Depends(auth.anyone), Depends(auth.operator)][:count], response_model=None
    )
    app.include_router(router)
    with pytest.raises(AssertionError, match="/new declares"):
        rules(app)


def asking(app: FastAPI, name: str | None = None) -> httpx.AsyncClient:
    headers = {} if name is None else {"Authorization": f"Bearer sk-{name}"}
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://sluice", headers=headers)


async def ask(settings: dict[str, Any], path: str, name: str | None = None, prefix: str = "") -> tuple[int, Any]:
    """Status, and the error's type and code or the whole answer; of a server that is mounted below the prefix."""
    app = create_app(Settings.model_validate(settings), FakeEngine())
    await app.state.lifecycle.load()
    if prefix:
        outer = FastAPI()
        outer.mount(prefix, app)
        app = outer
    async with asking(app, name) as client:
        answer = await client.get(prefix + path)
    if answer.is_success:
        return answer.status_code, answer.text
    error = answer.json()["error"]
    assert ("www-authenticate" in answer.headers) == (answer.status_code == 401)
    return answer.status_code, (error["type"], error["code"])


NO_KEY = (401, ("authentication_error", "invalid_api_key"))
FORBIDDEN = (403, ("permission_error", "operators_only"))


@pytest.mark.parametrize("prefix", ["", "/llm/v1"])
@pytest.mark.parametrize("path", sorted(OF_OPERATORS))
async def test_what_the_server_tells_of_itself_is_for_operators(path: str, prefix: str) -> None:
    both = ADA | OPERATOR
    assert await ask(both, path, None, prefix) == NO_KEY
    assert await ask(both, path, "bob", prefix) == NO_KEY
    assert await ask(both, path, "ada", prefix) == FORBIDDEN
    status, text = await ask(both, path, "operator", prefix)
    assert status == 200
    assert "ada" in text
    assert (await ask({}, path, None, prefix))[0] == 200


@pytest.mark.parametrize("prefix", ["", "/llm"])
async def test_a_request_is_a_tenants(prefix: str) -> None:
    both = ADA | OPERATOR
    assert (await ask(both, "/v1/models", "ada", prefix))[0] == 200
    for name in (None, "bob", "operator"):
        assert await ask(both, "/v1/models", name, prefix) == NO_KEY


async def test_where_there_are_operators_and_no_tenants_anyone_may_ask_and_only_they_may_read() -> None:
    for name in (None, "ada", "operator"):
        assert (await ask(OPERATOR, "/v1/models", name))[0] == 200
        assert (await ask(OPERATOR, "/status", name))[0] == (200 if name == "operator" else 401)


@pytest.mark.parametrize("name", [None, "bob", "ada"])
async def test_where_there_are_tenants_and_no_operators_the_way_to_a_key_is_told(name: str | None) -> None:
    app = create_app(Settings.model_validate(ADA), FakeEngine())
    async with asking(app, name) as client:
        answer = await client.get("/status")
        assert answer.status_code == (403 if name == "ada" else 401)
        assert "`sluice keys new --operator` makes one" in answer.json()["error"]["message"]
        assert "sluice keys" not in (await client.get("/v1/models")).text


@pytest.mark.parametrize("settings", [{}, ADA, ADA | OPERATOR])
async def test_probes_and_the_description_are_for_anyone(settings: dict[str, Any]) -> None:
    app = create_app(Settings.model_validate(settings), FakeEngine())
    async with asking(app) as client:
        for path in PROBES | DESCRIBED:
            assert (await client.get(path)).status_code == (200 if path not in PROBES - {"/livez"} else 503)
        assert (await client.get("/v1/nothing")).status_code == 404


async def test_a_method_that_a_route_does_not_take_is_405_and_names_those_that_it_does() -> None:
    app = create_app(Settings.model_validate(ADA), FakeEngine())
    async with asking(app) as client:
        for method, path, allowed in (
            ("GET", "/v1/chat/completions", {"POST"}), ("DELETE", "/v1/completions", {"POST"}),
            ("HEAD", "/v1/completions", {"POST"}), ("OPTIONS", "/v1/chat/completions", {"POST"}),
            ("POST", "/livez", {"GET", "HEAD"}), ("POST", "/status", {"GET", "HEAD"}),
            ("OPTIONS", "/v1/models", {"GET", "HEAD"}), ("DELETE", "/v1/models/demo", {"GET", "HEAD"}),
            ("TRACE", "/health", {"GET", "HEAD"}), ("PUT", "/docs", {"GET", "HEAD"}),
        ):  # fmt: skip
            answer = await client.request(method, path)
            assert answer.status_code == 405
            assert sorted(answer.headers["allow"].split(", ")) == sorted(allowed)
            if method != "HEAD":
                error = answer.json()["error"]
                assert (error["type"], error["code"]) == ("not_found_error", "method_not_allowed")
                assert method in error["message"]
