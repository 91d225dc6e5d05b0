"""How calls come in, and the faults that they can meet."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import aiohttp
import pytest

from adapters.standins.telegram.faults import FaultKind
from adapters.standins.telegram.server import StandInTelegram
from tests.support.telegram import ASKER, FAST, standing_in


async def test_bodies_may_be_json_form_multipart_or_nothing() -> None:
    async with standing_in() as (telegram, bot), aiohttp.ClientSession() as session:
        telegram.private(ASKER)
        url = f"{telegram.api_url}{telegram.token}"
        entities = [{"type": "bold", "offset": 0, "length": 1}]
        form = {"chat_id": str(ASKER.id), "text": "form", "entities": json.dumps(entities)}
        multipart = aiohttp.FormData(form | {"text": "multipart"})
        multipart.add_field("file", b"x", filename="a.txt")
        await session.post(f"{url}/sendMessage", data=form)
        await session.post(f"{url}/SENDMESSAGE", data=multipart)
        await session.get(f"{url}/sendmessage", params={"chat_id": ASKER.id, "text": "address"})
        await bot.do("sendMessage", chat_id=ASKER.id, text="json", entities=entities)
        async with session.post(
            f"{url}/getMe", data=b"", headers={"Content-Type": "application/octet-stream"}
        ) as answer:
            assert (await answer.json())["ok"]

        shown = telegram.transcript(ASKER)
        assert [message.text for message in shown] == ["form", "multipart", "address", "json"]
        assert [len(message.entities) for message in shown] == [1, 1, 0, 1]
        assert telegram.calls == {"sendMessage": 4, "getMe": 1}


async def test_an_empty_json_body_has_no_parameters() -> None:
    async with standing_in() as (telegram, _), aiohttp.ClientSession() as session:
        url = f"{telegram.api_url}{telegram.token}/getMe"
        async with session.post(url, data=b"", headers={"Content-Type": "application/json"}) as answer:
            assert answer.status == 200


@pytest.mark.parametrize("body", ["{", "[]"])
async def test_a_body_that_is_no_object_is_refused(body: str) -> None:
    async with standing_in() as (telegram, _), aiohttp.ClientSession() as session:
        url = f"{telegram.api_url}{telegram.token}/sendMessage"
        async with session.post(url, data=body, headers={"Content-Type": "application/json"}) as answer:
            assert answer.status == 400


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("entities", "[", "can't parse entities JSON object"),
        ("entities", {}, "expected an Array as entities"),
        ("reply_markup", [], "object expected as reply markup"),
    ],
)
async def test_nested_parameters_are_checked(name: str, value: Any, reason: str) -> None:
    async with standing_in() as (telegram, bot):
        telegram.private(ASKER)
        refusal = await bot.refused("sendMessage", chat_id=ASKER.id, text="a", **{name: value})
        assert refusal == f"Bad Request: {reason}"


async def test_wrong_tokens_methods_and_addresses_are_refused() -> None:
    async with standing_in() as (telegram, bot), aiohttp.ClientSession() as session:
        assert (await bot.ask("getMe", token="1:wrong"))["description"] == "Unauthorized"
        assert await bot.refused("sendRichMessage") == "Not Found: method not found"
        assert telegram.calls["sendRichMessage"] == 1
        async with session.get(telegram.api_url) as answer:
            assert (answer.status, (await answer.json())["error_code"]) == (404, 404)
        async with session.get(f"{telegram.file_url}1:wrong/files/a") as answer:
            assert answer.status == 401
        async with session.get(f"{telegram.file_url}{telegram.token}/files/a") as answer:
            assert answer.status == 404


async def test_nothing_listens_before_the_start_and_only_loopback_does_then() -> None:
    telegram = StandInTelegram()
    assert telegram.api_url == "http://127.0.0.1:0/bot"
    async with telegram:
        assert telegram._runner is not None
        assert [address[0] for address in telegram._runner.addresses] == ["127.0.0.1"]
    assert telegram._runner is None


async def test_a_connection_cut_before_acceptance_leaves_nothing_and_after_it_leaves_the_message() -> None:
    async with standing_in() as (telegram, bot):
        telegram.private(ASKER)
        for kind in (FaultKind.RESET_BEFORE, FaultKind.RESET_AFTER):
            telegram.fail_next("sendMessage", kind)
            with pytest.raises(aiohttp.ClientError):
                await bot.ask("sendMessage", chat_id=ASKER.id, text=kind)
        assert [message.text for message in telegram.transcript(ASKER)] == ["reset_after"]


async def test_a_server_that_is_ended_says_so_to_what_it_had_done() -> None:
    async with standing_in() as (telegram, bot):
        telegram.private(ASKER)
        telegram.fail_next("sendMessage", FaultKind.SERVER_ERROR_AFTER)
        assert await bot.refused("sendMessage", chat_id=ASKER.id, text="da") == "Internal Server Error: restart"
        assert [message.text for message in telegram.transcript(ASKER)] == ["da"]


async def test_scripted_refusals_come_once_each_and_in_order() -> None:
    async with standing_in() as (telegram, bot):
        telegram.private(ASKER)
        call: dict[str, Any] = {"chat_id": ASKER.id, "text": "a"}
        telegram.fail_next("sendmessage", FaultKind.TOO_MANY_REQUESTS, seconds=9)
        telegram.fail_next("sendMessage", FaultKind.BAD_REQUEST, text="message thread not found")
        telegram.fail_next("sendMessage", FaultKind.FORBIDDEN)
        telegram.fail_next("sendMessage", FaultKind.SERVER_ERROR)
        assert (await bot.ask("sendMessage", **call))["parameters"] == {"retry_after": 9}
        assert await bot.refused("sendMessage", **call) == "Bad Request: message thread not found"
        assert await bot.refused("sendMessage", **call) == "Forbidden: bot was blocked by the user"
        assert await bot.refused("sendMessage", **call) == "Internal Server Error"
        await bot.do("sendMessage", **call)


async def test_a_gateway_answers_with_a_page() -> None:
    async with standing_in() as (telegram, _), aiohttp.ClientSession() as session:
        telegram.fail_next("getMe", FaultKind.BAD_GATEWAY)
        async with session.post(f"{telegram.api_url}{telegram.token}/getMe") as answer:
            assert (answer.status, answer.content_type) == (502, "text/html")


async def test_a_slow_answer_comes_after_its_time_or_when_the_server_ends() -> None:
    async with standing_in(FAST) as (telegram, bot):
        telegram.fail_next("getMe", FaultKind.SLOW, seconds=0.01)
        await bot.do("getMe")
        telegram.fail_next("getMe", FaultKind.SLOW, seconds=600)
        waiting = asyncio.create_task(bot.do("getMe"))
        await telegram.wait_for(lambda: telegram.calls["getMe"] == 2)
        async with asyncio.timeout(5):
            await telegram.hang_up()
            await waiting


async def test_the_network_can_go_and_come_back_with_all_that_was_known() -> None:
    async with standing_in() as (telegram, bot):
        telegram.say(ASKER, "Hallo")
        await telegram.hang_up()
        with pytest.raises(aiohttp.ClientError):
            await bot.ask("getMe")
        await telegram.listen()
        assert len(await bot.update_ids()) == 1


@pytest.mark.parametrize(
    ("commands", "reason"),
    [
        ([{"command": "Neu", "description": "a"}], "BOT_COMMAND_INVALID"),
        ([{"command": "neu", "description": ""}], "BOT_COMMAND_DESCRIPTION_INVALID"),
        ([{"command": "neu", "description": "a"}] * 101, "BOT_COMMANDS_TOO_MUCH"),
        (["neu"], "expected an Array of BotCommand"),
        (None, "can't parse commands JSON object"),
    ],
)
async def test_commands_are_checked(commands: object, reason: str) -> None:
    async with standing_in() as (_, bot):
        assert await bot.refused("setMyCommands", commands=commands) == f"Bad Request: {reason}"


async def test_commands_and_descriptions_are_kept_by_scope_and_language() -> None:
    async with standing_in() as (telegram, bot):
        commands = [{"command": "neu", "description": "Von vorn"}]
        scope = {"type": "all_group_chats"}
        await bot.do("setMyCommands", commands=commands, scope=scope, language_code="de")
        assert await bot.do("getMyCommands", scope=scope, language_code="de") == commands
        assert await bot.do("getMyCommands") == []
        assert telegram.profile == {"commands/all_group_chats/de": commands}
        assert await bot.refused("setMyDescription", description="a" * 513) == "Bad Request: text is too long"
        assert (
            await bot.refused("setMyShortDescription", short_description="a" * 121) == "Bad Request: text is too long"
        )


async def test_members_of_a_chat_are_known() -> None:
    async with standing_in() as (telegram, bot):
        group = telegram.group("Runde", ASKER)
        assert (await bot.do("getChatMember", chat_id=group.id, user_id=telegram.bot.id))["status"] == "member"
        refusal = await bot.refused("getChatMember", chat_id=group.id, user_id=1)
        assert refusal == "Bad Request: PARTICIPANT_ID_INVALID"


async def test_a_reaction_needs_its_message() -> None:
    async with standing_in() as (telegram, bot):
        message = telegram.say(ASKER, "Hallo")
        like = {"type": "emoji", "emoji": "👀"}
        call = {"chat_id": ASKER.id, "message_id": message}
        await bot.do("setMessageReaction", **call, reaction=[like])
        assert telegram.transcript(ASKER)[0].reaction == "👀"
        assert (
            await bot.refused("setMessageReaction", **call, reaction=[like, like]) == "Bad Request: REACTIONS_TOO_MANY"
        )
        assert "invalid reaction" in await bot.refused("setMessageReaction", **call, reaction=[{}])
        missing = await bot.refused("setMessageReaction", chat_id=ASKER.id, message_id=99)
        assert missing == "Bad Request: message to react not found"


async def test_an_unknown_file_is_refused() -> None:
    async with standing_in() as (_, bot):
        assert await bot.refused("getFile", file_id="x") == "Bad Request: invalid file_id"
