"""What a connector is told of a webhook call, over real HTTP."""

from __future__ import annotations

import pytest
from aiohttp import ClientSession, web
from yarl import URL

from connectors.base import Delivery
from syncd.core.clock import SystemClock
from syncd.service.hooks import _delivery


@pytest.mark.parametrize(
    "target", ["/hooks/hub", "/hooks/hub?tag=a+b&bare&x=%2F%c3%a9&x=2", "/hooks/a%20b?~*"]
)
async def test_the_target_is_told_as_it_was_sent(target: str) -> None:
    seen: list[Delivery] = []

    async def take(request: web.Request) -> web.Response:
        seen.append(_delivery(request, await request.read(), SystemClock()))
        return web.Response()

    runner = web.ServerRunner(web.Server(take))  # type: ignore[arg-type]
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        url = URL(f"http://127.0.0.1:{runner.addresses[0][1]}{target}", encoded=True)
        async with ClientSession() as session, session.post(url, data=b"x") as answer:
            assert answer.status == 200
    finally:
        await runner.cleanup()
    (delivery,) = seen
    assert (delivery.target, delivery.body) == (target, b"x")
