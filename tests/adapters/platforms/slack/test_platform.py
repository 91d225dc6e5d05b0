from __future__ import annotations

import socket

import pytest

from adapters.platforms.slack import Slack
from adapters.platforms.slack.people import Directory, _author
from adapters.platforms.slack.status import Status
from adapters.standins.slack import ALL_SCOPES, BOT_USER, TEAM, FaultKind, StandInSlack
from conversation.errors import PlatformUnreachable, SettingWrong, TooFast
from conversation.messages import Author
from tests.support.slack import HandClock
from tests.support.slack_desk import scene, signed_in


async def test_signing_in_tells_who_we_are() -> None:
    async with scene() as at:
        account = at.slack._signed_in()
        assert (account.team, account.bot_user) == (TEAM, BOT_USER)
        await at.slack.start()
        assert len(at.standin.calls_of("auth.test")) == 1


async def test_a_token_that_slack_refuses_is_a_wrong_setting_with_its_cure() -> None:
    async with StandInSlack() as standin:
        slack = Slack("xoxb-wrong", api_url=standin.api_url)
        with pytest.raises(SettingWrong) as wrong:
            await slack.start()
        assert (wrong.value.name, "invalid_auth" in wrong.value.problem) == ("PLAUSCH_SLACK_BOT_TOKEN", True)
        assert "xoxb-wrong" not in str(wrong.value)
        assert wrong.value.cure
        standin.fail_next("auth.test", FaultKind.ERROR, error="account_inactive")
        with pytest.raises(SettingWrong, match="account_inactive"):
            await slack.start()
        await slack.aclose()


async def test_a_slack_that_can_not_be_reached_is_no_wrong_setting() -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    slack = Slack("xoxb-1", api_url=f"http://127.0.0.1:{port}/api/")
    with pytest.raises(PlatformUnreachable):
        await slack.start()
    await slack.aclose()


async def test_start_succeeds_once_slack_is_back() -> None:
    async with StandInSlack() as standin:
        slack = Slack(standin.bot_token, api_url=standin.api_url)
        standin.fail_next("auth.test", FaultKind.SERVER_ERROR)
        standin.fail_next("auth.test", FaultKind.RATELIMITED, seconds=5)
        with pytest.raises(PlatformUnreachable):
            await slack.start()
        with pytest.raises(TooFast) as pause:
            await slack.start()
        assert pause.value.seconds == 5
        await slack.start()
        await slack.aclose()


async def test_before_signing_in_nothing_is_sent() -> None:
    slack = Slack("xoxb-1")
    async with scene() as at:
        place = await at.question()
    with pytest.raises(PlatformUnreachable):
        await slack.begin(place, "s1")
    with pytest.raises(PlatformUnreachable):
        await slack.find(place, "s1")
    assert await slack.person(TEAM, "U1") is None
    await slack.aclose()


async def test_the_doctor_finds_nothing_wrong_where_nothing_is() -> None:
    async with scene() as at:
        assert list(await at.slack.check()) == []


async def test_the_doctor_names_missing_scopes_and_a_wrong_app_token() -> None:
    async with StandInSlack(scopes=ALL_SCOPES - {"im:history", "commands"}) as standin:
        slack = Slack(standin.bot_token, "xapp-wrong", api_url=standin.api_url)
        scopes, token = await slack.check()
        assert scopes.problem == "The app lacks the scopes commands, im:history."
        assert (scopes.name, token.name) == ("PLAUSCH_SLACK_BOT_TOKEN", "PLAUSCH_SLACK_APP_TOKEN")
        await slack.aclose()


# ── people ───────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_persons_name_and_locale_are_asked_once() -> None:
    async with scene() as at:
        person = at.standin.add_person("Lee", locale="en-GB")
        for _ in range(2):
            assert await at.slack.person(TEAM, person) == Author(person, "Lee", "en-GB")
        assert len(at.standin.calls_of("users.info")) == 1


async def test_a_person_whom_slack_does_not_tell_is_nobody() -> None:
    async with scene() as at:
        assert await at.slack.person(TEAM, "U404") is None
        assert await at.slack.person("T404", at.room.person) is None
        at.standin.fail_next("users.info", FaultKind.SERVER_ERROR)
        assert await at.slack.person(TEAM, at.room.person) is None


async def test_what_is_known_of_a_person_grows_old() -> None:
    async with scene() as at:
        clock = HandClock()
        directory, client = Directory(clock), at.slack._workspace.client
        at.standin.fail_next("users.info", FaultKind.RATELIMITED)
        for seconds, calls in ((0, 1), (59, 1), (2, 2), (3599, 2), (2, 3)):
            clock.advance(seconds)
            await directory.person(client, at.room.person)
            assert len(at.standin.calls_of("users.info")) == calls


async def test_an_odd_answer_about_a_person_is_none() -> None:
    odd = [None, {"profile": "?", "name": "lee", "locale": 5}, {"profile": {"display_name": " ", "real_name": "Lee"}}]
    assert [_author("U1", user) for user in odd] == [None, Author("U1", "lee"), Author("U1", "Lee")]


async def test_only_so_many_people_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adapters.platforms.slack.people._MOST", 1)
    async with scene() as at:
        for person in (at.room.person, at.standin.add_person("Lee"), at.room.person):
            await at.slack.person(TEAM, person)
        assert len(at.standin.calls_of("users.info")) == 3


# ── the line under the thread ────────────────────────────────────────────────────────────────────────────────────────


async def test_the_session_shows_that_we_are_at_it_until_the_stream_ends() -> None:
    async with scene() as at:
        place = await at.question()
        for _ in range(2):
            await at.slack.typing(place)
        assert at.standin.status(at.room.channel, place.reply_to) == "processing"
        await at.write(place, await at.slack.begin(place, "s1"), "Zwölf.", last=True)
        assert len(at.standin.calls_of("agents.sessions.setStatus")) == 1


async def test_without_a_stream_the_session_is_set_back() -> None:
    async with scene() as at:
        at.standin.fail_next("chat.startStream", FaultKind.ERROR, error="unknown_method")
        place = await at.question()
        ts = await at.slack.begin(place, "s1")
        await at.slack.typing(place)
        await at.write(place, ts, "Zwölf.", last=True)
        assert at.standin.status(at.room.channel, place.reply_to) == "active"
        await at.write(place, ts, "Zwölf.", last=True)
        assert len(at.standin.calls_of("agents.sessions.setStatus")) == 2


async def test_what_a_killed_process_left_behind_is_taken_away() -> None:
    async with scene() as at, at.restarted() as successor:
        place = await at.question()
        await at.slack.typing(place)
        ts = await at.slack.begin(place, "s1")
        for _ in range(2):
            await successor.write(place, ts, "Zwölf.", last=True)
        assert at.standin.status(at.room.channel, place.reply_to) == "active"
        assert len(at.standin.calls_of("agents.sessions.setStatus")) == 2


async def test_an_app_that_is_no_agent_shows_the_older_line() -> None:
    async with scene() as at:
        at.standin.fail_next("agents.sessions.setStatus", FaultKind.ERROR, error="not_an_agent")
        reader = at.standin.add_person("Lee", locale="en-GB")
        await at.slack.person(TEAM, reader)
        for person, line in ((at.room.person, "schreibt …"), (reader, "is writing …")):
            ts = await at.standin.say(at.room.channel, "Hallo", person, mention=True)
            await at.slack.typing(at.place(at.room.channel, ts, person=person))
            assert at.standin.status(at.room.channel, ts) == line
        assert len(at.standin.calls_of("agents.sessions.setStatus")) == 1


@pytest.mark.parametrize("fault", [FaultKind.SERVER_ERROR, FaultKind.RATELIMITED, FaultKind.RESET_BEFORE])
async def test_a_line_that_can_not_be_shown_harms_nothing(fault: FaultKind) -> None:
    async with scene() as at:
        clock = HandClock()
        status, place = Status(at.slack._workspace.client, clock), await at.question()
        at.standin.fail_next("agents.sessions.setStatus", fault)
        await status.at_it(place, None)
        clock.advance(61)
        await status.at_it(place, None)
        assert at.standin.status(at.room.channel, place.reply_to) == "processing"


async def test_only_so_many_lines_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adapters.platforms.slack.status._MOST", 1)
    async with scene() as at:
        first, second = await at.question(), await at.question()
        for place in (first, second, first):
            await at.slack.typing(place)
        assert len(at.standin.calls_of("agents.sessions.setStatus")) == 3


async def test_closing_twice_is_harmless() -> None:
    async with StandInSlack() as standin, signed_in(standin) as slack:
        await slack.aclose()
    await Slack("xoxb-1").aclose()
