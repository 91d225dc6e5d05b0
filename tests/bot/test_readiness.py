"""``/healthz`` and ``/readyz``, and waiting for what can't be reached yet."""

from __future__ import annotations

import asyncio

import httpx
import pytest
from starlette.applications import Starlette

from bot import readiness as module
from bot.metrics import Metrics
from bot.readiness import Readiness
from bot.web import health_routes
from conversation.errors import ModelServerUnreachable, SettingWrong

TROUBLE = "password authentication failed for user plausch"


async def readyz(
    readiness: Readiness, peer: str = "127.0.0.1", headers: dict[str, str] | None = None
) -> tuple[int, object]:
    app = Starlette(routes=health_routes(readiness, Metrics()))
    transport = httpx.ASGITransport(app, client=(peer, 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://plausch") as visitor:
        assert (await visitor.get("/healthz")).text == "ok\n"
        answer = await visitor.get("/readyz", headers=headers)
        return answer.status_code, answer.json()


async def test_it_is_ready_where_nothing_is_waited_for() -> None:
    assert await readyz(Readiness()) == (200, {"ready": True, "waiting_for": {}, "troubles": {}})


async def test_what_it_waits_for_is_named_and_why_is_told_to_this_machine_alone() -> None:
    readiness = Readiness()
    readiness.waiting_for["database"] = TROUBLE

    waiting: dict[str, object] = {"ready": False, "waiting_for": {"database": TROUBLE}, "troubles": {}}
    assert await readyz(readiness) == (503, waiting)
    assert await readyz(readiness, "203.0.113.7") == (503, waiting | {"waiting_for": {"database": "not ready"}})


@pytest.mark.parametrize(
    ("peer", "headers"),
    [("unknown", {}), ("", {}), ("127.0.0.1", {"X-Forwarded-For": "127.0.0.1"}), ("::1", {"FORWARDED": "for=_x"})],
)
async def test_who_comes_by_a_proxy_is_not_told_why_whatever_address_it_says(
    peer: str, headers: dict[str, str]
) -> None:
    readiness = Readiness()
    readiness.waiting_for["database"] = TROUBLE

    status, says = await readyz(readiness, peer, headers)

    assert (status, TROUBLE in str(says)) == (503, False)


async def test_a_part_in_trouble_is_named_and_messages_are_taken_all_the_same() -> None:
    readiness = Readiness()
    readiness.watch("oldest turn", lambda: "it has waited for 400 s")
    readiness.watch("telegram", lambda: None)

    troubled: dict[str, object] = {
        "ready": True,
        "waiting_for": {},
        "troubles": {"oldest turn": "it has waited for 400 s"},
    }
    assert await readyz(readiness) == (200, troubled)
    assert await readyz(readiness, "203.0.113.7") == (200, troubled | {"troubles": {"oldest turn": "in trouble"}})


async def test_what_can_not_be_reached_yet_is_tried_again_until_it_can(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_FIRST_PAUSE", 0.001)
    readiness, looks = Readiness(), []

    async def reach() -> None:
        looks.append(dict(readiness.waiting_for))
        if len(looks) < 4:
            raise ModelServerUnreachable("the model is still loading")

    await readiness.wait_for("model server", reach)

    assert readiness.waiting_for == {}
    assert looks == [{"model server": "not reached yet"}, *[{"model server": "the model is still loading"}] * 3]


async def test_a_wrong_setting_is_not_waited_for() -> None:
    async def reach() -> None:
        raise SettingWrong("PLAUSCH_TELEGRAM_TOKEN", "wrong.", "Ask BotFather.")

    with pytest.raises(SettingWrong):
        await asyncio.wait_for(Readiness().wait_for("telegram", reach), 5)
