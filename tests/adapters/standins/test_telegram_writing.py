from __future__ import annotations

from typing import Any

import aiohttp
import pytest

from adapters.standins.telegram.limits import FloodLimits
from adapters.standins.telegram.world import Tuning
from tests.support.telegram import ASKER, FAST, OTHER, ManualClock, standing_in

OPEN = Tuning(limits=None)
BUTTON = {"text": "Stopp", "callback_data": "stop"}


def keyboard(*buttons: dict[str, Any]) -> dict[str, Any]:
    return {"inline_keyboard": [list(buttons)]}


async def test_lengths_count_utf16_units() -> None:
    async with standing_in(OPEN) as (telegram, bot):
        telegram.private(ASKER)
        await bot.do("sendMessage", chat_id=ASKER.id, text="😀" * 2048)
        too_long = "Bad Request: message is too long"
        assert await bot.refused("sendMessage", chat_id=ASKER.id, text="😀" * 2048 + "a") == too_long
        message = telegram.transcript(ASKER)[0].message_id
        arguments = {"chat_id": ASKER.id, "message_id": message}
        assert await bot.refused("editMessageText", **arguments, text="a" * 4097) == too_long


@pytest.mark.parametrize("text", ["", " \n "])
async def test_a_blank_text_is_refused(text: str) -> None:
    async with standing_in(OPEN) as (telegram, bot):
        telegram.private(ASKER)
        assert await bot.refused("sendMessage", chat_id=ASKER.id, text=text) == "Bad Request: message text is empty"


async def test_a_text_that_is_no_unicode_is_refused() -> None:
    async with standing_in(OPEN) as (telegram, bot):
        telegram.private(ASKER)
        refusal = await bot.refused("sendMessage", chat_id=ASKER.id, text="\ud800")
        assert refusal == "Bad Request: strings must be encoded in UTF-8"


async def test_blank_ends_are_not_shown_and_entities_move_along() -> None:
    async with standing_in(OPEN) as (telegram, bot):
        telegram.private(ASKER)
        entities = [{"type": "bold", "offset": 2, "length": 7}]
        sent = await bot.do("sendMessage", chat_id=ASKER.id, text="\n\nHallo  ", entities=entities)
        assert sent["text"] == "Hallo"
        assert sent["entities"] == [{"type": "bold", "offset": 0, "length": 5}]


async def test_an_address_is_previewed_unless_that_is_switched_off() -> None:
    async with standing_in(OPEN) as (telegram, bot):
        telegram.private(ASKER)
        off = {"is_disabled": True}
        for more in ({}, {"link_preview_options": off}, {"link_preview_options": {"is_disabled": False}}):
            await bot.do("sendMessage", chat_id=ASKER.id, text="https://a.example", **more)
        await bot.do("sendMessage", chat_id=ASKER.id, text="Hallo")
        shown = [message.now.preview for message in telegram.transcript(ASKER)]
        assert shown == [True, False, True, False]


async def test_parse_modes_are_refused_clearly() -> None:
    async with standing_in(OPEN) as (telegram, bot):
        telegram.private(ASKER)
        refusal = await bot.refused("sendMessage", chat_id=ASKER.id, text="<b>", parse_mode="HTML")
        assert refusal.startswith("Bad Request: unsupported parse_mode")


@pytest.mark.parametrize(
    ("entities", "reason"),
    [
        ([{"type": "bold", "offset": 0, "length": 4}], "ends after the end of the text at byte offset 6"),
        ([{"type": "bold", "offset": 1, "length": 1}], "begins in a middle of a UTF-16 symbol at byte offset"),
        ([{"type": "bold", "offset": -1, "length": 1}], "wrong offset or length"),
        ([{"type": "bold", "offset": "a", "length": 1}], "wrong offset or length"),
        ([{"type": "huge", "offset": 0, "length": 2}], "unsupported type"),
        (["bold"], "expected an Object"),
        (
            [{"type": "bold", "offset": 0, "length": 2}, {"type": "italic", "offset": 0, "length": 3}],
            None,
        ),
    ],
)
async def test_entities_lie_inside_the_text(entities: list[Any], reason: str | None) -> None:
    async with standing_in(OPEN) as (telegram, bot):
        telegram.private(ASKER)
        call = {"chat_id": ASKER.id, "text": "😀ß", "entities": entities}
        if reason is None:
            await bot.do("sendMessage", **call)
            return
        refusal = await bot.refused("sendMessage", **call)
        assert refusal.startswith("Bad Request: can't parse entities: ")
        assert reason in refusal


async def test_entities_that_cross_are_refused() -> None:
    async with standing_in(OPEN) as (telegram, bot):
        telegram.private(ASKER)
        crossing = [{"type": "bold", "offset": 0, "length": 3}, {"type": "italic", "offset": 2, "length": 3}]
        refusal = await bot.refused("sendMessage", chat_id=ASKER.id, text="abcdef", entities=crossing)
        assert "overlap" in refusal


async def test_a_hundred_entities_are_kept_and_bad_links_are_dropped() -> None:
    async with standing_in(OPEN) as (telegram, bot):
        telegram.private(ASKER)
        many = [{"type": "bold", "offset": 2 * n, "length": 1} for n in range(120)]
        sent = await bot.do("sendMessage", chat_id=ASKER.id, text="ab" * 120, entities=many)
        assert len(sent["entities"]) == 100
        link = [{"type": "text_link", "offset": 0, "length": 2, "url": "javascript:alert(1)"}]
        assert "entities" not in await bot.do("sendMessage", chat_id=ASKER.id, text="ab", entities=link)


async def test_an_edit_that_changes_nothing_is_refused_and_costs_budget() -> None:
    clock = ManualClock()
    async with standing_in(FAST, clock) as (telegram, bot):
        telegram.private(ASKER)
        sent = await bot.do("sendMessage", chat_id=ASKER.id, text="Hallo", reply_markup=keyboard(BUTTON))
        same = {"chat_id": ASKER.id, "message_id": sent["message_id"], "text": "Hallo "}
        for _ in range(4):
            refusal = await bot.refused("editMessageText", **same, reply_markup=keyboard(BUTTON))
            assert refusal.startswith("Bad Request: message is not modified: ")
        refusal = await bot.refused("editMessageText", **same)
        assert refusal.startswith("Too Many Requests")


async def test_an_edit_without_keyboard_removes_it_and_the_markup_can_change_alone() -> None:
    async with standing_in(OPEN) as (telegram, bot):
        telegram.private(ASKER)
        sent = await bot.do("sendMessage", chat_id=ASKER.id, text="Hallo", reply_markup=keyboard(BUTTON))
        where = {"chat_id": ASKER.id, "message_id": sent["message_id"]}
        assert "reply_markup" not in await bot.do("editMessageText", **where, text="Hallo")
        again = await bot.do("editMessageReplyMarkup", **where, reply_markup=keyboard(BUTTON))
        assert again["reply_markup"] == keyboard(BUTTON)
        assert telegram.transcript(ASKER)[0].text == "Hallo"


async def test_what_cannot_be_edited_is_refused() -> None:
    async with standing_in(OPEN) as (telegram, bot):
        theirs = telegram.say(ASKER, "Hallo")
        call = {"chat_id": ASKER.id, "text": "Na"}
        assert await bot.refused("editMessageText", **call, message_id=99) == "Bad Request: message to edit not found"
        assert await bot.refused("editMessageText", **call, message_id=theirs) == "Bad Request: message can't be edited"
        assert await bot.refused("editMessageText", **call) == "Bad Request: message identifier is not specified"


async def test_who_may_be_written_to() -> None:
    async with standing_in(OPEN) as (_, bot):
        assert await bot.refused("sendMessage", chat_id=77, text="a") == "Bad Request: chat not found"
        assert await bot.refused("sendMessage", chat_id="@nobody", text="a") == "Bad Request: chat not found"
        for missing in ({}, {"chat_id": None}, {"chat_id": [4001]}):
            assert await bot.refused("sendMessage", text="a", **missing) == "Bad Request: chat_id is empty"


@pytest.mark.parametrize(
    ("button", "reason"),
    [
        ({"text": "a", "callback_data": "ä" * 33}, "BUTTON_DATA_INVALID"),
        ({"text": "a", "callback_data": ""}, "BUTTON_DATA_INVALID"),
        ({"text": "a"}, "text buttons are unallowed in the inline keyboard"),
        ({"text": "", "callback_data": "a"}, "BUTTON_TEXT_INVALID"),
        ("a", "InlineKeyboardButton must be an Object"),
    ],
)
async def test_buttons_are_checked(button: Any, reason: str) -> None:
    async with standing_in(OPEN) as (telegram, bot):
        telegram.private(ASKER)
        call = {"chat_id": ASKER.id, "text": "a"}
        await bot.do("sendMessage", **call, reply_markup=keyboard({"text": "a", "callback_data": "ä" * 32}))
        assert await bot.refused("sendMessage", **call, reply_markup=keyboard(button)) == f"Bad Request: {reason}"
        rows = {"inline_keyboard": "a"}
        assert "Array of Arrays" in await bot.refused("sendMessage", **call, reply_markup=rows)


async def test_replies_need_their_message_unless_told_otherwise() -> None:
    async with standing_in(OPEN) as (telegram, bot):
        question = telegram.say(ASKER, "Wie spät ist es?")
        call = {"chat_id": ASKER.id, "text": "Zwölf"}
        gone = {"message_id": 99}
        refusal = await bot.refused("sendMessage", **call, reply_parameters=gone)
        assert refusal == "Bad Request: message to be replied not found"
        lenient = gone | {"allow_sending_without_reply": True}
        assert "reply_to_message" not in await bot.do("sendMessage", **call, reply_parameters=lenient)
        quoting = {"message_id": question, "quote": "spät"}
        assert "reply_to_message" in await bot.do("sendMessage", **call, reply_parameters=quoting)
        wrong = {"message_id": question, "quote": "früh"}
        assert await bot.refused("sendMessage", **call, reply_parameters=wrong) == "Bad Request: QUOTE_TEXT_INVALID"


async def test_deleting_has_its_limits() -> None:
    clock = ManualClock()
    async with standing_in(OPEN, clock) as (telegram, bot):
        group = telegram.group("Runde", ASKER)
        theirs = telegram.say(group, "Hallo", ASKER)
        ours = (await bot.do("sendMessage", chat_id=group.id, text="Hallo"))["message_id"]
        call = {"chat_id": group.id}
        cannot = "Bad Request: message can't be deleted"
        assert await bot.refused("deleteMessage", **call, message_id=theirs) == cannot
        assert await bot.refused("deleteMessage", **call, message_id=99) == "Bad Request: message to delete not found"
        clock.pass_(48 * 3600 + 1)
        assert await bot.refused("deleteMessage", **call, message_id=ours) == cannot


async def test_sends_and_edits_share_a_private_chats_budget() -> None:
    clock = ManualClock()
    async with standing_in(FAST, clock) as (telegram, bot):
        telegram.private(ASKER)
        telegram.private(OTHER)
        sent = await bot.do("sendMessage", chat_id=ASKER.id, text="0")
        edit = {"chat_id": ASKER.id, "message_id": sent["message_id"]}
        for count in range(1, 5):
            await bot.do("editMessageText", **edit, text=str(count))

        flooded = await bot.ask("editMessageText", **edit, text="5")
        assert flooded["error_code"] == 429
        assert flooded["parameters"] == {"retry_after": 3}
        assert (await bot.ask("sendMessage", chat_id=ASKER.id, text="a"))["parameters"] == {"retry_after": 6}
        await bot.do("sendMessage", chat_id=OTHER.id, text="anderswo")

        clock.pass_(5.9)
        assert await bot.refused("editMessageText", **edit, text="5") == "Too Many Requests: retry after 4"
        clock.pass_(3.2)
        await bot.do("editMessageText", **edit, text="5")
        assert telegram.flooded == {ASKER.id: 3}


async def test_a_group_has_twenty_a_minute_for_all_its_topics() -> None:
    clock = ManualClock()
    async with standing_in(FAST, clock) as (telegram, bot):
        forum = telegram.forum("Runde", ASKER)
        topic = telegram.topic(forum, "Thema", ASKER)
        for count in range(20):
            thread = {"message_thread_id": topic} if count % 2 else {}
            await bot.do("sendMessage", chat_id=forum.id, text="a", **thread)
        assert "Too Many" in await bot.refused("sendMessage", chat_id=forum.id, text="a")
        clock.pass_(3.01)
        await bot.do("sendMessage", chat_id=forum.id, text="a")
        assert "Too Many" in await bot.refused("sendMessage", chat_id=forum.id, text="a")


async def test_the_pause_stands_in_a_header_too() -> None:
    limits = Tuning(limits=FloodLimits(penalty_seconds=30))
    async with standing_in(limits, ManualClock()) as (telegram, bot), aiohttp.ClientSession() as session:
        telegram.private(ASKER)
        for _ in range(5):
            await bot.do("sendMessage", chat_id=ASKER.id, text="a")
        url = f"{telegram.api_url}{telegram.token}/sendMessage"
        async with session.post(url, json={"chat_id": ASKER.id, "text": "a"}) as answer:
            assert answer.headers["Retry-After"] == "30"


async def test_typing_ends_after_five_seconds_or_with_a_message() -> None:
    clock = ManualClock()
    async with standing_in(FAST, clock) as (telegram, bot):
        telegram.private(ASKER)
        typing = {"chat_id": ASKER.id, "action": "typing"}
        await bot.do("sendChatAction", **typing)
        assert telegram.types(ASKER)
        clock.pass_(5)
        assert not telegram.types(ASKER)
        await bot.do("sendChatAction", **typing)
        await bot.do("sendMessage", chat_id=ASKER.id, text="Hallo")
        assert not telegram.types(ASKER)
        assert "wrong parameter action" in await bot.refused("sendChatAction", chat_id=ASKER.id, action="dancing")


async def test_drafts_are_private_and_vanish() -> None:
    clock = ManualClock()
    async with standing_in(FAST, clock) as (telegram, bot):
        group = telegram.group("Runde", ASKER)
        telegram.private(ASKER)
        draft = {"chat_id": ASKER.id, "draft_id": 7, "text": "Zwö"}
        assert "private chats" in await bot.refused("sendMessageDraft", **draft | {"chat_id": group.id})
        assert "draft_id" in await bot.refused("sendMessageDraft", **draft | {"draft_id": 0})
        await bot.do("sendMessageDraft", **draft)
        shown = telegram.draft(ASKER)
        assert shown is not None
        assert shown.text == "Zwö"
        with pytest.raises(ValueError, match="stop button"):
            telegram.stop_draft(ASKER)
        clock.pass_(30)
        assert telegram.draft(ASKER) is None

        await bot.do("sendMessageDraft", **draft, can_stop=True)
        telegram.stop_draft(ASKER)
        assert telegram.updates[-1]["stopped_message_generation"]["draft_id"] == 7
        await bot.do("sendMessage", chat_id=ASKER.id, text="Zwölf")
        assert telegram.draft(ASKER) is None
