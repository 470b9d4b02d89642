"""What `sluice serve` is beside its application: the listener, the signals, and the accelerator's choice."""

import asyncio
import signal
import socket

import httpx
from fastapi.middleware.cors import CORSMiddleware

from sluice import serving
from sluice.app import create_app
from sluice.settings import Settings
from tests.fake import FakeEngine
from tests.process import started
from tests.test_lifecycle import counting


async def test_an_application_with_middleware_is_served_through_it() -> None:
    settings, engine, said = Settings(), FakeEngine(), list[str]()
    app = create_app(settings, engine)
    app.add_middleware(CORSMiddleware, allow_origins=["*"])
    loop = asyncio.get_running_loop()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        running = asyncio.create_task(serving.run(app, settings, [listener], said.append))
        try:
            await app.state.lifecycle.loaded.wait()
            url = f"http://127.0.0.1:{listener.getsockname()[1]}/v1/chat/completions"
            async with httpx.AsyncClient(timeout=60) as client:
                streamed = await client.post(url, json=counting(3), headers={"Origin": "https://page.example"})
            assert streamed.headers["access-control-allow-origin"] == "*"
            assert streamed.text.endswith("data: [DONE]\n\n")
            signal.raise_signal(signal.SIGTERM)
            assert await asyncio.wait_for(running, 20) == 0
        finally:
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(number)
    assert said == ["Not accelerated: requests have to pass CORSMiddleware"]
    assert (engine.stopped, app.state.lifecycle.phase) == (True, "stopped")


async def test_without_the_accelerator_it_is_the_same_server() -> None:
    async with started("tests.serve_fake", '{"http.port": 0, "http.accelerate": false}', "{}") as server:
        await server.readiness("ready")
        async with httpx.AsyncClient(base_url=server.url, timeout=60) as client:
            streamed = await client.post("/v1/chat/completions", json=counting(9))
        assert streamed.text.endswith("data: [DONE]\n\n")
        server.send(signal.SIGTERM)
        assert await server.exit_code(within=20) == 0
        assert not any("accelerated" in line for line in server.lines)
