"""python-telegram-bot, the SDK of the field, finds what it expects."""

from __future__ import annotations

from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from telegram import (
    Bot,
    BotCommand,
    ChatMemberOwner,
    ForceReply,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    MessageEntity,
    ReplyParameters,
)
from telegram.error import (
    BadRequest,
    ChatMigrated,
    Conflict,
    Forbidden,
    InvalidToken,
    NetworkError,
    RetryAfter,
    TimedOut,
)

from adapters.standins.telegram.faults import FaultKind
from adapters.standins.telegram.server import StandInTelegram
from tests.support.telegram import ASKER, FAST, OTHER, receiving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

KEYBOARD = InlineKeyboardMarkup([[InlineKeyboardButton("Stopp", callback_data="stop:1")]])


@asynccontextmanager
async def sdk() -> AsyncIterator[tuple[StandInTelegram, Bot]]:
    async with (
        StandInTelegram(tuning=FAST) as telegram,
        Bot(telegram.token, base_url=telegram.api_url, base_file_url=telegram.file_url) as bot,
    ):
        yield telegram, bot


async def test_the_bot_learns_who_it_is() -> None:
    async with sdk() as (telegram, bot):
        assert bot.username == "plausch_bot"
        assert (await bot.get_me()).can_read_all_group_messages is False
        assert telegram.calls["getMe"] == 2


async def test_a_message_arrives_as_an_update_with_its_command() -> None:
    async with sdk() as (telegram, bot):
        message_id = telegram.say(ASKER, "/neu bitte")

        [update] = await bot.get_updates()

        assert update.message is not None
        assert update.message.message_id == message_id
        assert update.message.parse_entities([MessageEntity.BOT_COMMAND])[update.message.entities[0]] == "/neu"
        assert update.message.from_user is not None
        assert update.message.from_user.language_code == "de"


async def test_an_answer_is_sent_and_edited_and_its_history_is_seen() -> None:
    async with sdk() as (telegram, bot):
        question = telegram.say(ASKER, "Wie spät ist es?")
        reply = ReplyParameters(question)
        sent = await bot.send_message(ASKER.id, "…", reply_markup=KEYBOARD, reply_parameters=reply)
        bold = [MessageEntity(MessageEntity.BOLD, 0, 6)]
        edited = await bot.edit_message_text("Zwölf. Uhr", ASKER.id, sent.message_id, entities=bold)

        assert sent.reply_to_message is not None
        assert sent.reply_to_message.message_id == question
        assert getattr(edited, "edit_date", None) is not None
        shown = telegram.transcript(ASKER)[-1]
        assert [version.text for version in shown.versions] == ["…", "Zwölf. Uhr"]
        assert [version.keyboard is not None for version in shown.versions] == [True, False]
        assert shown.entities[0]["type"] == "bold"


async def test_a_press_is_told_and_answered() -> None:
    async with sdk() as (telegram, bot):
        telegram.private(ASKER)
        sent = await bot.send_message(ASKER.id, "…", reply_markup=KEYBOARD)
        callback = telegram.press(ASKER, sent.message_id, "stop:1")

        [update] = await bot.get_updates()

        assert update.callback_query is not None
        assert update.callback_query.data == "stop:1"
        assert update.callback_query.message is not None
        assert telegram.answer_to(callback) is None
        await update.callback_query.answer("Ist gut.")
        assert telegram.answer_to(callback) == {"text": "Ist gut.", "show_alert": False}


async def test_the_other_methods_speak_the_sdks_types() -> None:
    async with sdk() as (telegram, bot):
        group = telegram.group("Runde", ASKER, OTHER)
        sent = await bot.send_message(group.id, "Hallo", reply_markup=KEYBOARD)

        assert await bot.send_chat_action(group.id, "typing")
        assert await bot.edit_message_reply_markup(group.id, sent.message_id, reply_markup=None)
        assert await bot.set_message_reaction(group.id, sent.message_id, "👍")
        assert await bot.set_my_commands([BotCommand("neu", "Von vorn")], language_code="de")
        assert await bot.set_my_description("Hilft.")
        assert await bot.set_my_short_description("Hilft.")
        assert (await bot.get_chat(group.id)).title == "Runde"
        assert isinstance(await bot.get_chat_member(group.id, ASKER.id), ChatMemberOwner)
        assert (await bot.get_chat_member(group.id, OTHER.id)).status == "member"
        assert await bot.delete_message(group.id, sent.message_id)

        assert telegram.profile["commands/de"] == [{"command": "neu", "description": "Von vorn"}]
        assert telegram.profile["description"] == telegram.profile["short_description"] == "Hilft."
        assert telegram.transcript(group) == []
        assert [message.reaction for message in telegram.transcript(group, deleted=True)] == ["👍"]


async def test_a_file_is_fetched_unless_it_is_too_big() -> None:
    async with sdk() as (telegram, bot):
        file = await bot.get_file(telegram.upload(b"Inhalt"))
        assert bytes(await file.download_as_bytearray()) == b"Inhalt"

        with pytest.raises(BadRequest, match=r"(?i)file is too big"):
            await bot.get_file(telegram.upload(b"", size=21 << 20))


async def test_errors_become_the_sdks_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PTB_TIMEDELTA", "1")  # without it, each RetryAfter warns of what is to come
    async with sdk() as (telegram, bot):
        group = telegram.group("Runde", ASKER)
        telegram.fail_next("sendMessage", FaultKind.TOO_MANY_REQUESTS, seconds=7)
        with pytest.raises(RetryAfter) as pause:
            await bot.send_message(group.id, "a")
        assert pause.value.retry_after == timedelta(seconds=7)
        for kind, error in (
            (FaultKind.FORBIDDEN, Forbidden),
            (FaultKind.BAD_REQUEST, BadRequest),
            (FaultKind.SERVER_ERROR, NetworkError),
            (FaultKind.BAD_GATEWAY, NetworkError),
            (FaultKind.RESET_BEFORE, NetworkError),
            (FaultKind.MIGRATE, ChatMigrated),
        ):
            telegram.fail_next("sendMessage", kind)
            with pytest.raises(error):
                await bot.send_message(group.id, "a")
        assert [m.text for m in telegram.transcript(group) if m.from_bot] == []


async def test_a_slow_answer_times_out_although_the_message_is_there() -> None:
    async with sdk() as (telegram, bot):
        telegram.private(ASKER)
        telegram.fail_next("sendMessage", FaultKind.SLOW, seconds=60)

        with pytest.raises(TimedOut):
            await bot.send_message(ASKER.id, "…", read_timeout=0.1)

        assert [message.text for message in telegram.transcript(ASKER)] == ["…"]


async def test_polling_beside_a_webhook_is_a_conflict() -> None:
    async with sdk() as (_, bot), receiving() as receiver:
        await bot.set_webhook(receiver.url, secret_token="geheim")
        with pytest.raises(Conflict):
            await bot.get_updates()
        assert (await bot.get_webhook_info()).url == receiver.url
        await bot.delete_webhook()
        assert await bot.get_updates() == ()


async def test_a_wrong_token_is_refused() -> None:
    async with StandInTelegram() as telegram:
        bot = Bot("1:wrong", base_url=telegram.api_url)
        with pytest.raises(InvalidToken):
            await bot.initialize()
        await bot.shutdown()


async def test_a_keyboard_that_is_no_inline_keyboard_is_taken() -> None:
    async with sdk() as (telegram, bot):
        telegram.private(ASKER)
        await bot.send_message(ASKER.id, "Und?", reply_markup=ForceReply())
        assert telegram.transcript(ASKER)[0].keyboard is None
