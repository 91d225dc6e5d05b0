from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
from aiohttp import web

from adapters.standins.slack import (
    ALL_SUBSCRIPTIONS,
    APP,
    BOT,
    BOT_USER,
    SUBSCRIPTIONS,
    TEAM,
    ChangeKind,
    File,
    StandInSlack,
)
from tests.support.slack import SECRET, RequestUrl, Room, furnish, official_client


@pytest.fixture
async def app() -> AsyncIterator[RequestUrl]:
    async with RequestUrl() as request_url:
        yield request_url


@pytest.fixture
async def slack(app: RequestUrl) -> AsyncIterator[StandInSlack]:
    standin = StandInSlack(
        signing_secret=SECRET, events_url=app.url, subscriptions=ALL_SUBSCRIPTIONS, retry_scale=0, acknowledge_within=2
    )
    async with standin:
        yield standin


@pytest.fixture
def room(slack: StandInSlack) -> Room:
    return furnish(slack)


async def event_of(slack: StandInSlack, app: RequestUrl, kind: str) -> Mapping[str, Any]:
    def found() -> list[Mapping[str, Any]]:
        return [event for event in app.events() if kind in {event["type"], event.get("subtype")}]

    return (await slack.wait_for(found))[0]


async def test_the_request_url_is_asked_for_its_challenge(slack: StandInSlack, app: RequestUrl) -> None:
    app.answer = lambda got: web.json_response({"challenge": got.json["challenge"]})
    assert await slack.verify_events_url()
    app.answer = lambda got: web.Response(text=got.json["challenge"])
    assert await slack.verify_events_url()
    app.answer = lambda _: web.Response(text="ok")
    assert not await slack.verify_events_url()


async def test_a_mention_arrives_twice_under_two_ids(slack: StandInSlack, app: RequestUrl, room: Room) -> None:
    ts = await slack.say(room.channel, "Wie spät?", room.person, mention=True)

    await slack.wait_for(lambda: len(slack.deliveries) == 2)

    assert {event["type"] for event in app.events()} == {"app_mention", "message"}
    assert {event["ts"] for event in app.events()} == {ts}
    assert {event["text"] for event in app.events()} == {f"<@{BOT_USER}> Wie spät?"}
    assert len({got.json["event_id"] for got in app.received}) == 2


async def test_a_mention_arrives_once_where_messages_are_not_subscribed(app: RequestUrl) -> None:
    async with StandInSlack(signing_secret=SECRET, events_url=app.url, subscriptions=SUBSCRIPTIONS) as slack:
        room = furnish(slack)
        await slack.say(room.channel, "ohne Anrede", room.person)
        await slack.say(room.channel, "Wie spät?", room.person, mention=True)
        await slack.wait_for(lambda: slack.deliveries)

    assert [event["type"] for event in app.events()] == ["app_mention"]


async def test_in_a_direct_room_a_mention_is_only_a_message(slack: StandInSlack, app: RequestUrl, room: Room) -> None:
    await slack.say(room.direct, "Hallo", room.person, mention=True)
    await slack.wait_for(lambda: slack.deliveries)

    (event,) = app.events()
    assert (event["type"], event["channel_type"], event["user"], event["team"]) == ("message", "im", room.person, TEAM)
    assert event["blocks"][0]["type"] == "rich_text"


async def test_the_envelope_says_for_whom_it_is(slack: StandInSlack, app: RequestUrl, room: Room) -> None:
    await slack.say(room.direct, "Hallo", room.person)
    await slack.wait_for(lambda: slack.deliveries)

    body = app.received[0].json
    assert (body["type"], body["team_id"], body["api_app_id"]) == ("event_callback", TEAM, APP)
    assert body["authorizations"][0] == {
        "enterprise_id": None,
        "team_id": TEAM,
        "user_id": BOT_USER,
        "is_bot": True,
        "is_enterprise_install": False,
    }


async def test_nothing_arrives_from_rooms_that_the_app_is_not_in(
    slack: StandInSlack, app: RequestUrl, room: Room
) -> None:
    elsewhere = slack.add_channel("fremd", app_is_member=False)

    await slack.say(elsewhere, "Hallo", room.person, mention=True)
    await slack.say(room.direct, "Hier bin ich", room.person)

    await slack.wait_for(lambda: slack.deliveries)
    assert [event["text"] for event in app.events()] == ["Hier bin ich"]


async def test_an_edit_carries_both_texts(slack: StandInSlack, app: RequestUrl, room: Room) -> None:
    ts = await slack.say(room.direct, "Wie spat?", room.person)
    await slack.edit(room.direct, ts, "Wie spät?")

    event = await event_of(slack, app, "message_changed")
    assert (event["message"]["text"], event["previous_message"]["text"]) == ("Wie spät?", "Wie spat?")
    assert event["message"]["ts"] == ts
    assert event["message"]["edited"]["user"] == room.person
    assert event["hidden"] is True


async def test_a_preview_of_a_link_is_a_change_that_nobody_edited(
    slack: StandInSlack, app: RequestUrl, room: Room
) -> None:
    ts = await slack.say(room.direct, "https://example.org", room.person)
    await slack.unfurl(room.direct, ts)

    event = await event_of(slack, app, "message_changed")
    assert "edited" not in event["message"]
    assert event["message"]["text"] == event["previous_message"]["text"] == "<https://example.org>"
    assert event["message"]["attachments"]


async def test_a_deletion_names_what_is_gone(slack: StandInSlack, app: RequestUrl, room: Room) -> None:
    ts = await slack.say(room.direct, "weg damit", room.person)
    await slack.delete(room.direct, ts)

    event = await event_of(slack, app, "message_deleted")
    assert (event["deleted_ts"], event["previous_message"]["text"]) == (ts, "weg damit")


async def test_a_deleted_question_with_answers_leaves_a_tombstone(
    slack: StandInSlack, app: RequestUrl, room: Room
) -> None:
    ts = await slack.say(room.direct, "Frage", room.person)
    await slack.say(room.direct, "Nachfrage", room.person, ts)
    await slack.delete(room.direct, ts)

    event = await event_of(slack, app, "message_changed")
    assert event["message"]["subtype"] == "tombstone"


async def test_a_reply_names_its_thread(slack: StandInSlack, app: RequestUrl, room: Room) -> None:
    question = await slack.say(room.channel, "Frage", room.person)
    await slack.say(room.channel, "Nachfrage", room.person, question)
    await slack.wait_for(lambda: len(slack.deliveries) == 2)

    (reply,) = [event for event in app.events() if event["text"] == "Nachfrage"]
    assert (reply["thread_ts"], reply["parent_user_id"]) == (question, room.person)


async def test_files_are_named(slack: StandInSlack, app: RequestUrl, room: Room) -> None:
    await slack.say(room.direct, "siehe Anhang", room.person, files=[File("plan.pdf", "application/pdf", 1234)])

    event = await event_of(slack, app, "file_share")
    assert [(file["name"], file["mimetype"], file["size"]) for file in event["files"]] == [
        ("plan.pdf", "application/pdf", 1234)
    ]


async def test_bots_and_joins_arrive_as_slack_marks_them(slack: StandInSlack, app: RequestUrl, room: Room) -> None:
    bot = slack.add_person("Wetter", is_bot=True)
    await slack.say(room.channel, "Regen", bot)
    await slack.say(room.channel, "Sturm", bot, subtype="bot_message")
    await slack.say(
        room.channel, f"<@{room.person}> has joined the channel", room.person, subtype="channel_join", wire=True
    )
    await slack.wait_for(lambda: len(slack.deliveries) == 3)

    by_subtype = {event.get("subtype"): event for event in app.events()}
    assert by_subtype[None]["bot_id"].startswith("B")
    assert "user" not in by_subtype["bot_message"]
    assert "client_msg_id" not in by_subtype["channel_join"]


async def test_a_guest_brings_the_team_along(slack: StandInSlack, app: RequestUrl, room: Room) -> None:
    guest = slack.add_person("Alex", team="T9999999999")
    await slack.say(room.channel, "Hallo", guest)
    await slack.wait_for(lambda: slack.deliveries)

    assert app.events()[0]["user_team"] == "T9999999999"
    assert app.received[0].json["is_ext_shared_channel"] is True


async def test_the_apps_own_posts_and_updates_arrive_too(slack: StandInSlack, app: RequestUrl, room: Room) -> None:
    async with official_client(slack) as client:
        ts = (await client.chat_postMessage(channel=room.channel, text=f"<@{BOT_USER}> …"))["ts"]
        await client.chat_update(channel=room.channel, ts=ts, text="fertig")
        await client.chat_delete(channel=room.channel, ts=ts)
    await slack.wait_for(lambda: len(slack.deliveries) == 3)

    assert {event.get("subtype") for event in app.events()} == {None, "message_changed", "message_deleted"}
    (post,) = [event for event in app.events() if "subtype" not in event]
    assert (post["type"], post["bot_id"]) == ("message", BOT)


async def test_the_stop_button_and_the_home_tab_are_events(slack: StandInSlack, app: RequestUrl, room: Room) -> None:
    ts = await slack.say(room.direct, "Frage", room.person)
    async with official_client(slack) as client:
        stream = (await client.chat_startStream(channel=room.direct, thread_ts=ts))["ts"]
    await slack.stop_session(room.direct, ts, room.person)
    await slack.open_home(room.person)

    stopped = await event_of(slack, app, "agent_session_stopped")
    opened = await event_of(slack, app, "app_home_opened")
    assert (stopped["thread_ts"], stopped["user"], stopped["streaming_message_ts"]) == (ts, room.person, [stream])
    assert (opened["tab"], opened["channel"]) == ("messages", room.direct)


async def test_changes_are_told_in_their_order(slack: StandInSlack, room: Room) -> None:
    changes = slack.changes()
    ts = await slack.say(room.channel, "eins", room.person)
    await slack.edit(room.channel, ts, "zwei")
    await slack.delete(room.channel, ts)

    seen = [await anext(changes) for _ in range(3)]
    assert [(change.kind, change.text) for change in seen] == [
        (ChangeKind.POSTED, "eins"),
        (ChangeKind.EDITED, "zwei"),
        (ChangeKind.DELETED, "zwei"),
    ]


async def test_changes_end_with_the_stand_in() -> None:
    async with StandInSlack() as slack:
        changes = slack.changes()
    assert [change async for change in changes] == []


async def test_waiting_for_what_never_comes_ends(slack: StandInSlack) -> None:
    with pytest.raises(TimeoutError):
        await slack.wait_for(lambda: False, within=0.01)


async def test_what_is_not_subscribed_does_not_arrive(app: RequestUrl) -> None:
    only_direct = frozenset({"message.im"})
    async with StandInSlack(signing_secret=SECRET, events_url=app.url, subscriptions=only_direct) as slack:
        room = furnish(slack)
        ts = await slack.say(room.channel, "Hallo", room.person, mention=True)
        await slack.stop_session(room.channel, ts, room.person)
        await slack.open_home(room.person)
        await slack.say(room.direct, "Nur das", room.person)
        await slack.wait_for(lambda: slack.deliveries)

    assert [event["text"] for event in app.events()] == ["Nur das"]


async def test_only_people_of_the_workspace_speak(slack: StandInSlack, room: Room) -> None:
    with pytest.raises(KeyError):
        await slack.say(room.channel, "Hallo", "U404")
