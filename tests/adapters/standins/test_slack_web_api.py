from collections.abc import AsyncIterator

import aiohttp
import pytest
from slack_sdk.web.async_client import AsyncWebClient

from adapters.standins.slack import BOT_USER, TEAM, StandInSlack
from tests.support.slack import Room, furnish, official_client, refusal


@pytest.fixture
async def slack() -> AsyncIterator[StandInSlack]:
    async with StandInSlack() as standin:
        yield standin


@pytest.fixture
async def client(slack: StandInSlack) -> AsyncIterator[AsyncWebClient]:
    async with official_client(slack) as official:
        yield official


@pytest.fixture
def room(slack: StandInSlack) -> Room:
    return furnish(slack)


async def test_it_listens_on_loopback_only(slack: StandInSlack) -> None:
    assert slack.api_url == f"http://127.0.0.1:{slack.port}/api/"


async def test_the_token_says_who_it_is_and_what_it_may_do(client: AsyncWebClient) -> None:
    answer = await client.auth_test()

    assert (answer["user_id"], answer["team_id"]) == (BOT_USER, TEAM)
    assert "chat:write" in answer.headers["x-oauth-scopes"]


async def test_api_test_asks_for_no_token(slack: StandInSlack) -> None:
    async with official_client(slack, token="") as client:
        assert (await client.api_test(foo="bar"))["args"] == {"foo": "bar"}
        assert await refusal(client.api_test(error="my_error")) == "my_error"


@pytest.mark.parametrize(("token", "error"), [("", "not_authed"), ("xoxb-other", "invalid_auth")])
async def test_without_a_good_token_nothing_is_answered(slack: StandInSlack, token: str, error: str) -> None:
    async with official_client(slack, token) as client:
        assert await refusal(client.auth_test()) == error


async def test_an_app_token_is_no_bot_token_and_the_other_way_round(slack: StandInSlack) -> None:
    async with official_client(slack, slack.app_token) as client:
        assert await refusal(client.auth_test()) == "not_allowed_token_type"
    async with official_client(slack) as client:
        assert await refusal(client.apps_connections_open(app_token=slack.bot_token)) == "not_allowed_token_type"


async def test_a_missing_scope_is_named() -> None:
    async with StandInSlack(scopes=frozenset({"im:history"})) as slack, official_client(slack) as client:
        room = furnish(slack)
        assert await refusal(client.chat_postMessage(channel=room.channel, text="x")) == "missing_scope"
        assert await refusal(client.conversations_history(channel=room.channel)) == "missing_scope"
        assert (await client.conversations_history(channel=room.direct))["messages"] == []


async def test_an_unknown_method_is_refused(client: AsyncWebClient) -> None:
    assert await refusal(client.api_call("chat.sing")) == "unknown_method"


@pytest.mark.parametrize(("body", "error"), [("{", "invalid_json"), ("[]", "json_not_object")])
async def test_a_body_that_is_no_json_object_is_refused(slack: StandInSlack, body: str, error: str) -> None:
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {slack.bot_token}"}
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{slack.api_url}auth.test", data=body, headers=headers) as answer,
    ):
        assert (await answer.json())["error"] == error


async def test_forms_are_read_like_json(client: AsyncWebClient, slack: StandInSlack, room: Room) -> None:
    metadata = '{"event_type": "turn", "event_payload": {"id": "1"}}'
    form = {"channel": room.channel, "text": "ein Formular", "metadata": metadata}
    answer = await client.api_call("chat.postMessage", data=form)

    (line,) = slack.thread(room.channel, answer["ts"])
    assert line.text == "ein Formular"
    assert line.metadata == {"event_type": "turn", "event_payload": {"id": "1"}}


async def test_a_post_appears_in_its_thread(client: AsyncWebClient, slack: StandInSlack, room: Room) -> None:
    question = await slack.say(room.channel, "Wie spät ist es?", room.person)

    answer = await client.chat_postMessage(channel=room.channel, text="Zwölf Uhr.", thread_ts=question)

    lines = slack.thread(room.channel, question)
    assert [(line.text, line.by_app, line.name) for line in lines] == [
        ("Wie spät ist es?", False, "Kim"),
        ("Zwölf Uhr.", True, "plausch"),
    ]
    assert lines[1].ts == answer["ts"]


async def test_a_persons_id_as_channel_opens_the_direct_room(client: AsyncWebClient, room: Room) -> None:
    assert (await client.chat_postMessage(channel=room.person, text="Hallo"))["channel"] == room.direct
    assert (await client.conversations_open(users=room.person))["channel"]["id"] == room.direct
    assert await refusal(client.conversations_open(users="U404")) == "user_not_found"


async def test_a_post_is_refused_where_the_app_is_not(client: AsyncWebClient, slack: StandInSlack, room: Room) -> None:
    public = slack.add_channel("fremd", app_is_member=False)
    private = slack.add_channel("geheim", private=True, app_is_member=False)

    assert await refusal(client.chat_postMessage(channel=public, text="x")) == "not_in_channel"
    assert await refusal(client.chat_postMessage(channel=private, text="x")) == "channel_not_found"
    assert await refusal(client.chat_postMessage(channel="C404", text="x")) == "channel_not_found"
    slack.put_app_out(room.channel)
    assert await refusal(client.conversations_history(channel=room.channel)) == "not_in_channel"
    slack.let_app_in(room.channel)
    slack.archive(room.channel)
    assert await refusal(client.chat_postMessage(channel=room.channel, text="x")) == "is_archived"


@pytest.mark.parametrize(
    ("content", "error"),
    [
        ({"text": "x" * 40_001}, "msg_too_long"),
        ({"markdown_text": "x" * 12_001}, "msg_too_long"),
        ({"text": ""}, "no_text"),
        ({"text": "x", "markdown_text": "y"}, "markdown_text_conflict"),
        ({"text": "x", "metadata": {"event_type": "turn"}}, "invalid_metadata_format"),
        ({"text": "x", "metadata": {"event_type": "", "event_payload": {}}}, "invalid_metadata_format"),
        ({"text": "x", "blocks": [{"type": "divider"}] * 51}, "invalid_blocks"),
        ({"text": "x", "blocks": ["text"]}, "invalid_blocks"),
        ({"text": "x", "blocks": [{"type": "section", "text": {"text": "x" * 3_001}}]}, "invalid_blocks"),
    ],
)
async def test_a_post_is_refused_for_its_content(
    client: AsyncWebClient, room: Room, content: dict[str, object], error: str
) -> None:
    body = {"channel": room.channel, **content}
    assert await refusal(client.api_call("chat.postMessage", json=body)) == error


async def test_the_longest_post_is_taken(client: AsyncWebClient, room: Room) -> None:
    await client.chat_postMessage(channel=room.channel, text="x" * 40_000)
    await client.chat_postMessage(channel=room.channel, markdown_text="x" * 12_000)


async def test_an_update_keeps_what_the_message_said_before(
    client: AsyncWebClient, slack: StandInSlack, room: Room
) -> None:
    blocks = [{"type": "divider"}]
    ts = (await client.chat_postMessage(channel=room.channel, text="…", blocks=blocks))["ts"]

    await client.chat_update(channel=room.channel, ts=ts, text="Zwölf")
    answer = await client.chat_update(channel=room.channel, ts=ts, text="Zwölf Uhr", blocks=[])

    (line,) = slack.thread(room.channel, ts)
    assert [version.text for version in line.versions] == ["…", "Zwölf", "Zwölf Uhr"]
    assert line.blocks == ()
    assert answer["message"]["edited"]["user"] == BOT_USER


async def test_blocks_that_an_update_does_not_name_stay(
    client: AsyncWebClient, slack: StandInSlack, room: Room
) -> None:
    ts = (await client.chat_postMessage(channel=room.channel, text="…", blocks=[{"type": "divider"}]))["ts"]

    await client.chat_update(channel=room.channel, ts=ts, text="Zwölf")

    assert slack.thread(room.channel, ts)[0].blocks == ({"type": "divider"},)


async def test_an_update_is_refused_for_its_length_or_its_message(
    client: AsyncWebClient, slack: StandInSlack, room: Room
) -> None:
    theirs = await slack.say(room.channel, "meins", room.person)
    ours = (await client.chat_postMessage(channel=room.channel, text="unseres"))["ts"]

    assert await refusal(client.chat_update(channel=room.channel, ts=theirs, text="x")) == "cant_update_message"
    assert await refusal(client.chat_update(channel=room.channel, ts="1.1", text="x")) == "message_not_found"
    assert await refusal(client.chat_update(channel=room.channel, ts=ours, text="x" * 4_001)) == "msg_too_long"
    empty = client.api_call("chat.update", json={"channel": room.channel, "ts": ours, "text": ""})
    assert await refusal(empty) == "no_text"


async def test_only_own_messages_can_be_deleted(client: AsyncWebClient, slack: StandInSlack, room: Room) -> None:
    theirs = await slack.say(room.channel, "meins", room.person)
    ours = (await client.chat_postMessage(channel=room.channel, text="unseres"))["ts"]

    await client.chat_delete(channel=room.channel, ts=ours)

    assert slack.thread(room.channel, ours)[0].deleted
    assert await refusal(client.chat_delete(channel=room.channel, ts=theirs)) == "cant_delete_message"
    assert await refusal(client.chat_delete(channel=room.channel, ts=ours)) == "message_not_found"


async def test_an_ephemeral_is_seen_by_one_person(client: AsyncWebClient, slack: StandInSlack, room: Room) -> None:
    await client.chat_postEphemeral(channel=room.channel, user=room.person, text="nur du")

    assert [(each.user, each.text) for each in slack.ephemerals] == [(room.person, "nur du")]
    assert slack.lines(room.channel) == ()
    nobody = client.chat_postEphemeral(channel=room.channel, user="U404", text="x")
    assert await refusal(nobody) == "user_not_in_channel"


async def test_replies_read_the_thread_with_metadata_only_where_asked(
    client: AsyncWebClient, slack: StandInSlack, room: Room
) -> None:
    question = await slack.say(room.channel, "Frage & Antwort", room.person)
    metadata = {"event_type": "turn", "event_payload": {"id": "1"}}
    answer = await client.chat_postMessage(channel=room.channel, text="A", thread_ts=question, metadata=metadata)

    bare = await client.conversations_replies(channel=room.channel, ts=question)
    full = await client.conversations_replies(channel=room.channel, ts=question, include_all_metadata=True)

    parent, reply = full["messages"]
    assert (parent["reply_count"], parent["latest_reply"], parent["text"]) == (1, answer["ts"], "Frage &amp; Antwort")
    assert (reply["metadata"], reply["parent_user_id"]) == (metadata, room.person)
    assert "metadata" not in bare["messages"][1]
    assert await refusal(client.conversations_replies(channel=room.channel, ts="1.1")) == "thread_not_found"


async def test_long_threads_come_in_pages(client: AsyncWebClient, slack: StandInSlack, room: Room) -> None:
    question = await slack.say(room.channel, "eins", room.person)
    for text in ("zwei", "drei"):
        await slack.say(room.channel, text, room.person, question)

    pages: list[list[str]] = []
    async for page in await client.conversations_replies(channel=room.channel, ts=question, limit=2):
        pages.append([message["text"] for message in page["messages"]])  # noqa: PERF401 - each page is the same object

    assert pages == [["eins", "zwei"], ["drei"]]


async def test_history_is_newest_first_and_without_replies(
    client: AsyncWebClient, slack: StandInSlack, room: Room
) -> None:
    first = await slack.say(room.channel, "eins", room.person)
    await slack.say(room.channel, "im Thread", room.person, first)
    last = await slack.say(room.channel, "zwei", room.person)

    everything = await client.conversations_history(channel=room.channel)
    since = await client.conversations_history(channel=room.channel, oldest=first)
    inclusive = await client.conversations_history(channel=room.channel, oldest=first, latest=last, inclusive=True)

    assert [message["text"] for message in everything["messages"]] == ["zwei", "eins"]
    assert [message["ts"] for message in since["messages"]] == [last]
    assert [message["ts"] for message in inclusive["messages"]] == [last, first]


async def test_people_have_names_and_on_request_locales(client: AsyncWebClient, slack: StandInSlack) -> None:
    person = slack.add_person("Kim", locale="en-GB")

    asked = (await client.users_info(user=person, include_locale=True))["user"]

    assert (asked["real_name"], asked["locale"]) == ("Kim", "en-GB")
    assert "locale" not in (await client.users_info(user=person))["user"]
    assert await refusal(client.users_info(user="U404")) == "user_not_found"


async def test_rooms_say_what_they_are(client: AsyncWebClient, room: Room) -> None:
    assert (await client.conversations_info(channel=room.direct))["channel"]["user"] == room.person
    assert (await client.conversations_info(channel=room.channel))["channel"]["name"] == "allgemein"


async def test_a_reaction_is_given_once(client: AsyncWebClient, slack: StandInSlack, room: Room) -> None:
    ts = await slack.say(room.channel, "gut", room.person)

    await client.reactions_add(channel=room.channel, timestamp=ts, name="thumbsup")

    assert slack.thread(room.channel, ts)[0].reactions == ("thumbsup",)
    again = client.reactions_add(channel=room.channel, timestamp=ts, name="thumbsup")
    assert await refusal(again) == "already_reacted"


async def test_calls_are_kept_without_their_token(client: AsyncWebClient, slack: StandInSlack, room: Room) -> None:
    await client.chat_postMessage(channel=room.channel, text="x")

    (call,) = slack.calls_of("chat.postMessage")
    assert (call.outcome, call.arguments["text"]) == ("ok", "x")
    assert slack.bot_token not in repr(slack.calls)


async def test_odd_values_in_a_form_are_refused(client: AsyncWebClient, room: Room) -> None:
    metadata = {"channel": room.channel, "text": "x", "metadata": "{"}
    limit = {"channel": room.channel, "limit": "viele"}

    assert await refusal(client.api_call("chat.postMessage", data=metadata)) == "invalid_metadata_format"
    assert await refusal(client.api_call("conversations.history", data=limit)) == "invalid_arguments"


async def test_a_token_in_the_form_is_as_good_as_one_in_the_header(slack: StandInSlack) -> None:
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{slack.api_url}auth.test", data={"token": slack.bot_token}) as answer,
    ):
        assert (await answer.json())["ok"]
