from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from adapters.platforms import frames
from adapters.platforms.frames import PACE_SECONDS, common_beginning
from conversation.messages import ConversationKey
from conversation.places import Place
from conversation.turns import Ending, EndingKind, Frame
from tests.support.web_chat import browser_of

if TYPE_CHECKING:
    from conversation.ports import Platform
    from tests.support.web_chat import WebChat

KEY = ConversationKey("web", "web", "", "s")
PLACE = Place(KEY, turn_id="t")


async def test_an_answer_is_shown_in_numbered_frames_that_carry_what_changed(chat: WebChat) -> None:
    web: Platform = chat.web
    message_id = await web.begin(PLACE, "send")
    for text in ("Gu", "Guten", "Guten 🙂 Tag", "Guten 🙂 Abend"):
        await web.edit(PLACE, message_id, web.parts(text)[0], last=False)
    assert chat.tail.frames == [
        Frame("t", 1, 0, ""),
        Frame("t", 2, 0, "Gu"),
        Frame("t", 3, 2, "ten"),
        Frame("t", 4, 5, " 🙂 Tag"),
        Frame("t", 5, 8, "Abend"),
    ]


async def test_an_edit_that_changes_nothing_shows_nothing(chat: WebChat) -> None:
    await chat.web.begin(PLACE, "send")
    await chat.web.edit(PLACE, "t", "Hallo", last=False)
    await chat.web.edit(PLACE, "t", "Hallo", last=False)
    assert len(chat.tail.frames) == 2


async def test_the_last_frame_carries_the_whole_text_and_how_it_ended(chat: WebChat) -> None:
    async with browser_of(chat) as client:
        await client.get("/")
        message = {"id": "00000000-0000-4000-8000-000000000001", "text": "Hallo"}
        await client.post("/api/v1/messages", json=message)
    turn = await chat.asked()
    await chat.write(turn, "Hal", "Hallo")
    await chat.finish(turn, Ending(EndingKind.STOPPED, "Hallo", trail="(angehalten)"))
    assert chat.tail.frames[-1] == Frame("turn-0", 4, 0, "Hallo\n\n(angehalten)", last=True, kind="stopped")


async def test_whoever_takes_over_an_answer_shows_it_whole(chat: WebChat) -> None:
    await chat.web.edit(PLACE, "t", "Guten Tag", last=False)
    assert chat.tail.frames == [Frame("t", 1, 0, "Guten Tag")]


async def test_what_is_forgotten_is_shown_whole_again(chat: WebChat, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames, "REMEMBERED", 1)
    await chat.web.edit(PLACE, "t", "Guten", last=False)
    await chat.web.edit(Place(KEY, turn_id="u"), "u", "Moin", last=False)
    await chat.web.edit(PLACE, "t", "Guten Tag", last=False)
    assert chat.tail.frames[-1] == Frame("t", 1, 0, "Guten Tag")


async def test_an_answer_is_paced_and_its_end_is_not(chat: WebChat) -> None:
    clock = asyncio.get_running_loop().time
    begun = clock()
    for _ in range(3):
        await chat.web.pace(PLACE, last=False)
    assert clock() - begun >= 2 * PACE_SECONDS * 0.9
    await chat.web.pace(PLACE, last=False)
    begun = clock()
    await chat.web.pace(PLACE, last=True)
    assert clock() - begun < PACE_SECONDS


async def test_answers_do_not_wait_for_each_other(chat: WebChat) -> None:
    clock = asyncio.get_running_loop().time
    begun = clock()
    for turn in range(20):
        await chat.web.pace(Place(KEY, turn_id=str(turn)), last=False)
    assert clock() - begun < 20 * PACE_SECONDS / 2


async def test_frames_are_no_sends_and_nobody_is_asked_for_names(chat: WebChat) -> None:
    assert chat.web.name == "web"
    assert not chat.web.capabilities.durable_sends
    assert await chat.web.find(PLACE, "send") is None
    assert await chat.web.person("web", "somebody") is None
    await chat.web.typing(PLACE)
    await chat.web.remove(PLACE, "t")
    assert chat.tail.frames == []
    assert chat.web.parts("") == [""]


@pytest.mark.parametrize(
    ("before", "after", "offset"), [("", "", 0), ("ab", "abc", 2), ("abc", "ab", 2), ("a🙂b", "a🙂c", 2)]
)
def test_the_offset_counts_code_points(before: str, after: str, offset: int) -> None:
    assert common_beginning(before, after) == offset
