from __future__ import annotations

import json
from urllib.parse import urlencode

import pytest

from tests.support.slack_desk import US, Desk
from tests.support.slack_http import over_http, receiving, send

FORM_TYPE = "application/x-www-form-urlencoded"


@pytest.mark.parametrize(
    ("count", "text", "german", "english"),
    [
        (0, "stop", "nichts zu beenden", "nothing to stop"),
        (1, " Stopp ", "eine Antwort beendet", "stopped one answer"),
        (3, "stop", "3 Antworten beendet", "stopped 3 answers"),
        (0, "neu", "außerhalb eines Threads", "outside a thread"),
        (0, "new", "außerhalb eines Threads", "outside a thread"),
        (0, "hilfe", "/plausch stop", "/plausch stop"),
        (0, "info", "Ich bin eine KI", "I am an AI"),
        (0, "", "So erreichst du mich", "This is how you reach me"),
        (0, "was auch immer", "So erreichst du mich", "This is how you reach me"),
    ],
)
async def test_a_slash_command_is_answered_at_once(count: int, text: str, german: str, english: str) -> None:
    desk = Desk(open_answers=count)
    async with over_http(desk) as at:
        assert german in await at.standin.slash("/plausch", text, at.room.person, at.room.channel)
        reader = at.standin.add_person("Lee", locale="en-GB")
        assert german in await at.standin.slash("/plausch", text, reader, at.room.channel)
        await at.slack.person(US.team, reader)
        assert english in await at.standin.slash("/plausch", text, reader, at.room.channel)
        assert len(at.standin.ephemerals) == 3


async def test_a_stop_is_for_the_answers_to_this_person_in_this_channel() -> None:
    desk = Desk()
    async with over_http(desk) as at:
        await at.standin.slash("/plausch", "stop", at.room.person, at.room.channel)
        assert desk.stopped == [(at.room.person, "slack", US.team, at.room.channel)]


async def test_a_command_is_answered_even_without_the_database() -> None:
    async with over_http(Desk(away=1)) as at:
        answer = await at.standin.slash("/plausch", "stop", at.room.person, at.room.channel)
        assert "nicht an meine Datenbank" in answer


async def test_a_press_of_a_button_is_acknowledged() -> None:
    async with receiving(Desk()) as url:
        payload = {"type": "block_actions", "user": {"id": "U1"}, "team": {"id": "T1"}, "actions": [{"action_id": "a"}]}
        body = urlencode({"payload": json.dumps(payload)}).encode()
        assert (await send(url, body, FORM_TYPE))[0] == 200
