"""While the database is away: what Slack sends again is not acknowledged, what it never does is answered at once."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from adapters.platforms.slack import receive
from adapters.platforms.slack.whisper import Where
from adapters.standins.slack import FaultKind
from conversation.errors import StoreFault
from tests.support.slack_desk import US, Desk, scene
from tests.support.slack_http import over_http, send_json, serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.support.slack_desk import Scene

GIVEN_SECONDS = receive.STORE_SECONDS
GERMAN, ENGLISH = "nicht an meine Datenbank", "can't reach my database"
BUTTON = {"type": "button", "action_id": "again", "text": {"type": "plain_text", "text": "Noch einmal"}}


@asynccontextmanager
async def over_socket(desk: Desk, **settings: Any) -> AsyncIterator[Scene]:
    """The stand-in delivers over Socket Mode."""
    async with scene(**settings) as at:
        task = asyncio.create_task(at.slack.run_socket_mode(desk))
        try:
            await at.standin.wait_for(lambda: at.standin.sockets)
            yield at
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


each_way = pytest.mark.parametrize("way", [over_http, over_socket])
each_trouble = pytest.mark.parametrize("trouble", ["away", "swallows"])


@pytest.fixture(autouse=True)
def _short_of_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receive, "STORE_SECONDS", 0.2)


def desk_in(trouble: str) -> Desk:
    return Desk(away=1) if trouble == "away" else Desk(busy=asyncio.Event())


def back(desk: Desk) -> None:
    """The database is there again."""
    if desk.busy is not None:
        desk.busy.set()


async def pressed(at: Scene, person: str) -> None:
    """Somebody presses a button below a message of ours."""
    blocks = [{"type": "actions", "block_id": "b", "elements": [BUTTON]}]
    posted = await at.slack._workspace.client.chat_postMessage(channel=at.room.channel, text="Hm?", blocks=blocks)
    outcome = await at.standin.press(at.room.channel, posted["ts"], "again", person)
    assert (outcome.status, outcome.body or "") == (200, "")


def test_the_database_has_less_time_than_slack_gives_us() -> None:
    assert GIVEN_SECONDS <= 2.7


@each_way
@each_trouble
async def test_an_event_is_not_acknowledged_and_comes_again(way: Any, trouble: str) -> None:
    desk = desk_in(trouble)
    async with way(desk, retry_scale=0.001, acknowledge_within=1.0) as at:
        ts = await at.standin.say(at.room.direct, "Hallo", at.room.person)
        await at.standin.wait_for(lambda: at.standin.deliveries)
        assert not at.standin.acknowledged(ts)
        back(desk)
        await at.standin.wait_for(lambda: at.standin.acknowledged(ts))
        assert at.standin.deliveries[0].outcome.status == (503 if way is over_http else None)
        assert desk.texts == ["Hallo"]


@each_way
@each_trouble
async def test_a_slash_command_is_answered_in_both_languages_where_the_persons_is_not_known(
    way: Any, trouble: str
) -> None:
    async with way(desk_in(trouble)) as at:
        answer = await at.standin.slash("/plausch", "stop", at.room.person, at.room.channel)
        assert GERMAN in answer
        assert ENGLISH in answer


@each_way
async def test_a_slash_command_is_answered_in_the_persons_language(way: Any) -> None:
    async with way(Desk(away=2)) as at:
        for locale, said, unsaid in (("en-GB", ENGLISH, GERMAN), ("de-DE", GERMAN, ENGLISH)):
            person = at.standin.add_person("Lee", locale=locale)
            await at.slack.person(US.team, person)
            answer = await at.standin.slash("/plausch", "stop", person, at.room.channel)
            assert said in answer
            assert unsaid not in answer


@each_way
async def test_a_slash_command_that_the_store_can_not_take_is_answered(
    way: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = Desk()

    async def refused(*_: str) -> int:
        raise StoreFault

    monkeypatch.setattr(desk, "stop_answers_to", refused)
    async with way(desk) as at:
        assert GERMAN in await at.standin.slash("/plausch", "stop", at.room.person, at.room.channel)


@each_way
async def test_a_press_is_kept_as_it_came(way: Any) -> None:
    desk = Desk()
    async with way(desk) as at:
        await pressed(at, at.room.person)
        ((raw, reason),) = desk.kept
        assert json.loads(raw)["actions"][0]["action_id"] == "again"
        assert reason == "a press that nothing answers"
        assert not at.standin.ephemerals


@each_way
@each_trouble
async def test_a_press_is_acknowledged_and_the_person_is_told(way: Any, trouble: str) -> None:
    async with way(desk_in(trouble)) as at:
        await pressed(at, at.room.person)
        await at.standin.wait_for(lambda: at.standin.ephemerals)
        (told,) = at.standin.ephemerals
        assert (told.channel, told.user) == (at.room.channel, at.room.person)
        assert GERMAN in told.text
        assert ENGLISH in told.text


async def test_a_press_is_acknowledged_though_nobody_can_be_told() -> None:
    async with over_http(Desk(away=1)) as at:
        at.standin.fail_next("chat.postEphemeral", FaultKind.SERVER_ERROR)
        await pressed(at, at.room.person)
        await at.standin.wait_for(lambda: at.standin.calls_of("chat.postEphemeral"))
        assert not at.standin.ephemerals


@pytest.mark.parametrize("body", [{}, {"user": {"id": 1}}, {"user": {"id": "U1"}, "container": {"channel_id": 1}}])
def test_a_press_from_nowhere_is_answered_nowhere(body: dict[str, Any]) -> None:
    assert Where.of_press(body) is None


def test_a_press_in_a_thread_is_answered_there() -> None:
    container = {"channel_id": "C1", "thread_ts": "1.2"}
    assert Where.of_press({"user": {"id": "U1"}, "container": container}) == Where("C1", "U1", "1.2")


async def test_before_we_are_signed_in_events_come_again_and_people_are_told() -> None:
    desk = Desk()
    async with scene() as at, at.restarted() as again:
        again.slack._account = None
        async with serving(*again.slack.routes(desk)) as url:
            at.standin.events_url = url
            assert (await send_json(url, {"type": "event_callback", "event": {"type": "message"}}))[0] == 503
            assert "noch nicht so weit" in await at.standin.slash("/plausch", "stop", at.room.person, at.room.channel)
            assert "Ich bin eine KI" in await at.standin.slash("/plausch", "", at.room.person, at.room.channel)
            await pressed(at, at.room.person)
            await at.standin.wait_for(lambda: len(at.standin.ephemerals) == 3)
            assert "not ready yet" in at.standin.ephemerals[-1].text
    assert (desk.received, desk.kept) == ([], [])
