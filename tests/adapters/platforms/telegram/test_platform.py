from __future__ import annotations

import logging

import pytest

from adapters.platforms.telegram import Part, Telegram
from adapters.platforms.telegram.pacing import Pacing
from adapters.standins.telegram.faults import FaultKind
from adapters.standins.telegram.world import Tuning
from conversation.errors import (
    OutcomeUnknown,
    PlatformUnreachable,
    SettingWrong,
    TooFast,
    Undeliverable,
)
from tests.support.telegram import ASKER, OTHER, standing_in
from tests.support.telegram_desk import both, place, started

FREE = Tuning(limits=None)


# ── what goes wrong ──────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("kind", "begun", "edited"),
    [
        (FaultKind.FORBIDDEN, Undeliverable, Undeliverable),
        (FaultKind.SERVER_ERROR, PlatformUnreachable, PlatformUnreachable),
        (FaultKind.BAD_GATEWAY, OutcomeUnknown, PlatformUnreachable),
        (FaultKind.RESET_BEFORE, OutcomeUnknown, PlatformUnreachable),
        (FaultKind.RESET_AFTER, OutcomeUnknown, PlatformUnreachable),
        (FaultKind.SLOW, OutcomeUnknown, PlatformUnreachable),
    ],
)
async def test_each_failure_says_what_can_be_done(
    kind: FaultKind, begun: type[Exception], edited: type[Exception]
) -> None:
    async with standing_in() as (standin, _), started(standin, read_seconds=0.2) as telegram:
        standin.say(ASKER, "Hallo")
        message_id = await telegram.begin(place(ASKER), "")
        standin.fail_next("sendMessage", kind)
        with pytest.raises(begun):
            await telegram.begin(place(ASKER), "")
        standin.fail_next("editMessageText", kind)
        with pytest.raises(edited):
            await telegram.edit(place(ASKER), message_id, Part("eins"), last=True)


async def test_a_flood_names_its_pause_and_the_chat_is_left_alone_for_it() -> None:
    async with both() as (standin, telegram):
        standin.say(ASKER, "Hallo")
        standin.fail_next("sendMessage", FaultKind.TOO_MANY_REQUESTS, seconds=40)
        with pytest.raises(TooFast) as pause:
            await telegram.begin(place(ASKER), "")
        assert pause.value.seconds == 40
        await telegram.typing(place(ASKER))
        assert standin.calls["sendChatAction"] == 0


async def test_a_connection_that_is_refused_is_safe_to_repeat() -> None:
    async with both() as (standin, telegram):
        standin.say(ASKER, "Hallo")
        await standin.hang_up()
        # A call over a connection that is just being closed would leave the outcome open.
        await telegram._request.renew()
        with pytest.raises(PlatformUnreachable):
            await telegram.begin(place(ASKER), "")
        with pytest.raises(PlatformUnreachable):
            await telegram.edit(place(ASKER), "1", Part("eins"), last=True)


async def test_writing_after_the_close_was_never_sent() -> None:
    async with standing_in() as (standin, _):
        async with started(standin) as telegram:
            standin.say(ASKER, "Hallo")
        with pytest.raises(PlatformUnreachable):
            await telegram.begin(place(ASKER), "")


@pytest.mark.parametrize("text", ["chat not found", "not enough rights to send text messages to the chat"])
async def test_who_cannot_be_written_to_is_not_written_to_again(text: str) -> None:
    async with both() as (standin, telegram):
        standin.say(ASKER, "Hallo")
        standin.fail_next("sendMessage", FaultKind.BAD_REQUEST, text=text)
        with pytest.raises(Undeliverable):
            await telegram.begin(place(ASKER), "")


# ── the rest of the port ─────────────────────────────────────────────────────────────────────────────────────────────


async def test_typing_is_shown_once_in_a_while_and_never_fails() -> None:
    async with both() as (standin, telegram):
        standin.say(ASKER, "Hallo")
        await telegram.typing(place(ASKER))
        await telegram.typing(place(ASKER))
        assert standin.types(ASKER)
        assert standin.calls["sendChatAction"] == 1
        await telegram.typing(place(12345))


async def test_what_is_remembered_of_chats_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adapters.platforms.telegram.platform._CHATS_TYPING", 1)
    monkeypatch.setattr("adapters.platforms.telegram.sender._REMEMBERED", 1)
    async with both() as (standin, telegram):
        for person in (ASKER, OTHER):
            standin.say(person, "Hallo")
            await telegram.typing(place(person))
            message_id = await telegram.begin(place(person), "")
            await telegram.edit(place(person), message_id, Part("eins"), last=False)
        assert list(telegram._typed) == [str(OTHER.id)]
        assert [chat for chat, _ in telegram._sender._shown] == [str(OTHER.id)]


async def test_the_pace_is_kept_for_each_chat() -> None:
    turns: list[tuple[str, bool]] = []

    class Watched(Pacing):
        async def turn(self, chat: str, *, last: bool) -> None:
            turns.append((chat, last))

    telegram = Telegram("1:a", pacing=Watched())
    await telegram.pace(place(-5, 7), last=True)
    assert turns == [("-5", True)]


async def test_telegram_finds_nothing_and_tells_nothing_about_people() -> None:
    telegram = Telegram("1:a")
    assert await telegram.find(place(1), "send") is None
    assert await telegram.person("1", "2") is None
    assert (telegram.name, telegram.capabilities.durable_sends, telegram.capabilities.can_find) == (
        "telegram",
        True,
        False,
    )


# ── the start ────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_the_start_learns_who_we_are_and_offers_commands_in_two_languages() -> None:
    async with both() as (standin, telegram):
        assert telegram.identity is not None
        assert (telegram.identity.id, telegram.identity.username) == (standin.bot.id, "plausch_bot")
        assert not telegram.identity.reads_groups
        offered = {name: [command["command"] for command in found] for name, found in standin.profile.items()}
        assert offered == {
            "commands": ["ask", "new", "stop", "help", "info"],
            "commands/de": ["frage", "neu", "stop", "hilfe", "info"],
        }


async def test_a_start_without_commands_is_a_start() -> None:
    async with standing_in() as (standin, _):
        standin.fail_next("setMyCommands", FaultKind.SERVER_ERROR)
        async with started(standin) as telegram:
            assert telegram.identity is not None


@pytest.mark.parametrize("token", ["", "abc", "1:a b", "1:a\n", "1000000001:falsch"])
async def test_a_wrong_token_names_its_setting_and_is_not_repeated(token: str) -> None:
    async with standing_in() as (standin, _):
        with pytest.raises(SettingWrong) as wrong:
            await _start(token, standin.api_url)
        assert wrong.value.name == "PLAUSCH_TELEGRAM_TOKEN"
        assert not token or token not in str(wrong.value)


async def _start(token: str, url: str) -> None:
    telegram = Telegram(token, url)
    try:
        await telegram.start()
    finally:
        await telegram.aclose()


async def test_what_cannot_be_reached_is_waited_for_and_no_error_carries_the_token(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    async with standing_in() as (standin, _):
        await standin.hang_up()
        telegram = Telegram(standin.token, standin.api_url)
        with pytest.raises(PlatformUnreachable) as unreachable:
            await telegram.start()
        await standin.listen()
        await telegram.start()
        await telegram.aclose()
        assert standin.token not in f"{unreachable.value!r}{unreachable.value.__cause__!r}{caplog.text}"
    with pytest.raises(PlatformUnreachable):
        await _start("1:secret", "not an address ")
