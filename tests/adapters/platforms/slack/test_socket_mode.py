from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from adapters.platforms.slack.people import Directory
from adapters.platforms.slack.receive import Receiver
from adapters.platforms.slack.socket_mode import SocketMode
from adapters.standins.slack import FaultKind
from conversation.errors import PlatformUnreachable, SettingWrong
from tests.support.slack_desk import US, Desk, Scene, scene, signed_in

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@asynccontextmanager
async def running(at: Scene, desk: Desk, *, ping_seconds: float = 0.05) -> AsyncIterator[asyncio.Task[None]]:
    client = at.slack._workspace.client
    receiver = Receiver(desk, lambda: US, Directory())
    socket_mode = SocketMode(receiver, client, at.standin.app_token, ping_seconds=ping_seconds, first_pause=0.01)
    task = asyncio.create_task(socket_mode.run())
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_mention_is_stored_before_it_is_acknowledged() -> None:
    desk = Desk(busy=asyncio.Event())
    async with scene() as at, running(at, desk):
        ts = await at.standin.say(at.room.channel, "Hallo", at.room.person, mention=True)
        await desk.taken.wait()
        assert not at.standin.acknowledged(ts)
        assert desk.busy is not None
        desk.busy.set()
        await at.standin.wait_for(lambda: at.standin.acknowledged(ts))
        assert desk.texts == ["Hallo"]


async def test_without_the_database_nothing_is_acknowledged() -> None:
    desk = Desk(away=1)
    async with scene(acknowledge_within=0.2, retry_scale=0.0) as at, running(at, desk):
        ts = await at.standin.say(at.room.direct, "Hallo", at.room.person)
        await at.standin.wait_for(lambda: at.standin.acknowledged(ts))
        assert [delivery.outcome.status for delivery in at.standin.deliveries] == [None, 200]
        assert desk.texts == ["Hallo"]


async def test_an_odd_event_is_kept_and_acknowledged() -> None:
    desk = Desk()
    async with scene() as at, running(at, desk):
        at.standin._deliveries.send_event({"type": "event_callback", "event_id": "Ev1", "event": {"type": "message"}})
        odd = {"type": "event_callback", "event_id": "Ev2", "event": {"type": "message"}, "authorizations": 5}
        at.standin._deliveries.send_event(odd)
        await at.standin.wait_for(lambda: len(at.standin.deliveries) == 2)
        assert [delivery.outcome.status for delivery in at.standin.deliveries] == [200, 200]
        assert len(desk.kept) == 2
        assert json.loads(desk.kept[1][0]) == odd


async def test_a_slash_command_is_answered_at_once() -> None:
    async with scene() as at, running(at, Desk(open_answers=2)):
        await at.standin.wait_for(lambda: at.standin.sockets)
        answer = await at.standin.slash("/plausch", "stop", at.room.person, at.room.channel)
        assert answer == "Ich habe 2 Antworten beendet."


async def test_events_that_nobody_listens_to_are_acknowledged() -> None:
    async with scene() as at, running(at, Desk()):
        await at.standin.open_home(at.room.person)
        await at.standin.wait_for(lambda: at.standin.deliveries)
        assert at.standin.deliveries[0].outcome.status == 200


@pytest.mark.parametrize("how", ["dropped", "refreshed"])
async def test_a_socket_that_is_lost_is_replaced(how: str) -> None:
    desk = Desk()
    async with scene(acknowledge_within=0.5, retry_scale=0.0) as at, running(at, desk):
        await at.standin.wait_for(lambda: at.standin.sockets)
        if how == "dropped":
            at.standin.drop_sockets()
        else:
            await at.standin.refresh_sockets()
        ts = await at.standin.say(at.room.direct, "Hallo", at.room.person)
        await at.standin.wait_for(lambda: at.standin.acknowledged(ts))
        assert desk.texts == ["Hallo"]


async def test_a_client_that_has_stalled_is_replaced() -> None:
    desk = Desk()
    async with scene() as at, running(at, desk):
        await at.standin.wait_for(lambda: at.standin.sockets)
        (processor,) = [task for task in asyncio.all_tasks() if "process_messages" in repr(task)]
        processor.cancel()
        await at.standin.wait_for(lambda: len(at.standin.calls_of("apps.connections.open")) == 2)
        ts = await at.standin.say(at.room.direct, "Hallo", at.room.person)
        await at.standin.wait_for(lambda: at.standin.acknowledged(ts))


@pytest.mark.parametrize("fault", [FaultKind.SERVER_ERROR, FaultKind.RESET_BEFORE, FaultKind.RATELIMITED])
async def test_a_slack_that_has_trouble_is_tried_again(fault: FaultKind) -> None:
    async with scene() as at:
        at.standin.fail_next("apps.connections.open", fault)
        async with running(at, Desk()):
            await at.standin.wait_for(lambda: at.standin.sockets)


async def test_what_is_being_stored_is_acknowledged_before_the_socket_closes() -> None:
    desk = Desk(busy=asyncio.Event())
    async with scene() as at, running(at, desk) as task:
        ts = await at.standin.say(at.room.direct, "Hallo", at.room.person)
        await desk.taken.wait()
        task.cancel()
        assert desk.busy is not None
        desk.busy.set()
        await asyncio.gather(task, return_exceptions=True)
        await at.standin.wait_for(lambda: at.standin.acknowledged(ts))
        assert task.cancelled()


async def test_what_takes_too_long_to_store_is_left_for_another_delivery(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adapters.platforms.slack.socket_mode.DRAIN_SECONDS", 0.01)
    desk = Desk(busy=asyncio.Event())
    async with scene() as at, running(at, desk) as task:
        ts = await at.standin.say(at.room.direct, "Hallo", at.room.person)
        await desk.taken.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert not at.standin.acknowledged(ts)
        assert desk.busy is not None
        desk.busy.set()


async def test_a_wrong_app_token_is_a_wrong_setting() -> None:
    async with scene() as at, signed_in(at.standin) as slack:
        slack._app_token = "xapp-wrong"
        with pytest.raises(SettingWrong, match=r"PLAUSCH_SLACK_APP_TOKEN.*invalid_auth"):
            await slack.run_socket_mode(Desk())


async def test_receiving_begins_after_signing_in() -> None:
    async with scene() as at, signed_in(at.standin) as slack:
        slack._account = None
        with pytest.raises(PlatformUnreachable):
            await slack.run_socket_mode(Desk())
