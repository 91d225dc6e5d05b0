from collections.abc import AsyncIterator

import pytest
from slack_sdk.web.async_client import AsyncWebClient

from adapters.standins.slack import TEAM, StandInSlack
from tests.support.slack import HandClock, Room, furnish, official_client, refusal

METADATA = {"event_type": "turn", "event_payload": {"id": "1"}}


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
async def slack(clock: HandClock) -> AsyncIterator[StandInSlack]:
    async with StandInSlack(clock=clock) as standin:
        yield standin


@pytest.fixture
async def client(slack: StandInSlack) -> AsyncIterator[AsyncWebClient]:
    async with official_client(slack) as official:
        yield official


@pytest.fixture
def room(slack: StandInSlack) -> Room:
    return furnish(slack)


@pytest.fixture
async def question(slack: StandInSlack, room: Room) -> str:
    return await slack.say(room.direct, "Frage", room.person)


@pytest.fixture
async def stream(client: AsyncWebClient, room: Room, question: str) -> str:
    answer = await client.chat_startStream(channel=room.direct, thread_ts=question, markdown_text="Zwölf")
    return str(answer["ts"])


async def test_the_sdks_own_helper_streams_an_answer(client: AsyncWebClient, slack: StandInSlack, room: Room) -> None:
    question = await slack.say(room.channel, "Frage", room.person, mention=True)
    stream = await client.chat_stream(
        channel=room.channel,
        thread_ts=question,
        recipient_team_id=TEAM,
        recipient_user_id=room.person,
        buffer_size=1,
    )

    await stream.append(markdown_text="Zwölf")
    await stream.append(markdown_text=" Uhr")
    await stream.stop(markdown_text=".", metadata=METADATA)

    answer = slack.thread(room.channel, question)[1]
    assert [version.text for version in answer.versions] == ["Zwölf", "Zwölf Uhr", "Zwölf Uhr."]
    assert (answer.streaming, answer.metadata) == (False, METADATA)


async def test_appended_text_is_seen_at_once(
    client: AsyncWebClient, slack: StandInSlack, room: Room, stream: str
) -> None:
    await client.chat_appendStream(channel=room.direct, ts=stream, markdown_text=" Uhr")

    (line,) = slack.thread(room.direct, stream)
    assert (line.text, line.streaming) == ("Zwölf Uhr", True)


async def test_a_stream_needs_a_thread_and_in_channels_its_reader(
    client: AsyncWebClient, slack: StandInSlack, room: Room
) -> None:
    guest = slack.add_person("Alex", team="T9999999999")
    base = {"channel": room.channel, "thread_ts": await slack.say(room.channel, "Frage", room.person)}

    async def error(**more: str) -> str:
        return await refusal(client.api_call("chat.startStream", json=base | more))

    assert await error(thread_ts="") == "invalid_arguments"
    assert await error() == "missing_recipient_user_id"
    assert await error(recipient_user_id=room.person) == "missing_recipient_team_id"
    assert await error(recipient_user_id="U404", recipient_team_id=TEAM) == "user_not_found"
    assert await error(recipient_user_id=guest, recipient_team_id=TEAM) == "team_not_found"


async def test_a_start_takes_no_metadata(client: AsyncWebClient, room: Room, question: str) -> None:
    start = client.chat_startStream(channel=room.direct, thread_ts=question, metadata=METADATA)
    assert await refusal(start) == "invalid_arguments"


async def test_an_open_stream_refuses_update_and_delete(client: AsyncWebClient, room: Room, stream: str) -> None:
    assert await refusal(client.chat_update(channel=room.direct, ts=stream, text="x")) == "streaming_state_conflict"
    assert await refusal(client.chat_delete(channel=room.direct, ts=stream)) == "cant_delete_message"

    await client.chat_stopStream(channel=room.direct, ts=stream)

    await client.chat_update(channel=room.direct, ts=stream, text="Zwölf Uhr.")
    await client.chat_delete(channel=room.direct, ts=stream)


async def test_a_stream_dies_after_its_time_however_often_it_was_fed(
    client: AsyncWebClient, clock: HandClock, room: Room, stream: str
) -> None:
    clock.advance(299)
    await client.chat_appendStream(channel=room.direct, ts=stream, markdown_text=" Uhr")
    clock.advance(1)

    late = client.chat_appendStream(channel=room.direct, ts=stream, markdown_text=".")
    assert await refusal(late) == "message_not_in_streaming_state"
    stop = client.chat_stopStream(channel=room.direct, ts=stream)
    assert await refusal(stop) == "message_not_in_streaming_state"
    await client.chat_update(channel=room.direct, ts=stream, text="Zwölf Uhr.")


async def test_the_life_of_a_stream_can_be_set() -> None:
    clock = HandClock()
    async with StandInSlack(clock=clock, stream_seconds=10) as slack, official_client(slack) as client:
        room = furnish(slack)
        question = await slack.say(room.direct, "Frage", room.person)
        stream = (await client.chat_startStream(channel=room.direct, thread_ts=question))["ts"]
        clock.advance(10)
        late = client.chat_appendStream(channel=room.direct, ts=stream, markdown_text=".")
        assert await refusal(late) == "message_not_in_streaming_state"


async def test_a_plain_post_is_no_stream(
    client: AsyncWebClient, slack: StandInSlack, room: Room, question: str
) -> None:
    post = (await client.chat_postMessage(channel=room.direct, text="x"))["ts"]

    append = client.chat_appendStream(channel=room.direct, ts=post, markdown_text="x")
    assert await refusal(append) == "message_not_in_streaming_state"
    theirs = client.chat_appendStream(channel=room.direct, ts=question, markdown_text="x")
    assert await refusal(theirs) == "message_not_owned_by_app"
    missing = client.chat_appendStream(channel=room.direct, ts="1.1", markdown_text="x")
    assert await refusal(missing) == "message_not_found"
    assert slack.thread(room.direct, post)[0].text == "x"


async def test_the_limit_of_length_is_for_each_chunk(client: AsyncWebClient, room: Room, stream: str) -> None:
    chunk = {"type": "markdown_text", "text": "x" * 12_000}

    await client.chat_appendStream(channel=room.direct, ts=stream, chunks=[chunk, chunk])

    longer = client.chat_appendStream(channel=room.direct, ts=stream, markdown_text="x" * 12_001)
    assert await refusal(longer) == "msg_too_long"
    both = client.chat_appendStream(channel=room.direct, ts=stream, markdown_text="x", chunks=[chunk])
    assert await refusal(both) == "cannot_provide_both_markdown_text_and_chunks"
    odd = client.api_call("chat.appendStream", json={"channel": room.direct, "ts": stream, "chunks": ["x"]})
    assert await refusal(odd) == "invalid_chunks"
    nothing = client.chat_appendStream(channel=room.direct, ts=stream)
    assert await refusal(nothing) == "no_text"


async def test_after_a_crash_the_stream_is_found_by_reading_the_thread(
    client: AsyncWebClient, room: Room, question: str, stream: str
) -> None:
    found = (await client.conversations_replies(channel=room.direct, ts=question))["messages"][1]
    assert (found["ts"], found["streaming_state"]) == (stream, "in_progress")

    await client.chat_stopStream(channel=room.direct, ts=stream)

    found = (await client.conversations_replies(channel=room.direct, ts=question))["messages"][1]
    assert found["streaming_state"] == "completed"


async def test_a_stop_by_the_person_ends_the_stream(
    client: AsyncWebClient, slack: StandInSlack, room: Room, question: str, stream: str
) -> None:
    await slack.stop_session(room.direct, question, room.person)

    append = client.chat_appendStream(channel=room.direct, ts=stream, markdown_text="x")
    assert await refusal(append) == "stopped_by_user"
    assert not slack.thread(room.direct, stream)[0].streaming


async def test_the_status_of_a_session_is_one_of_four_and_stays(
    client: AsyncWebClient, slack: StandInSlack, room: Room, question: str
) -> None:
    await client.agents_sessions_setStatus(channel_id=room.direct, thread_ts=question, status="processing")
    stream = (await client.chat_startStream(channel=room.direct, thread_ts=question))["ts"]
    assert slack.status(room.direct, question) == "processing"

    await client.chat_stopStream(channel=room.direct, ts=stream, session_status="active")

    assert slack.status(room.direct, question) == "active"
    odd = client.agents_sessions_setStatus(channel_id=room.direct, thread_ts=question, status="denkt nach")
    assert await refusal(odd) == "invalid_arguments"


async def test_an_assistants_status_goes_with_the_next_post(
    client: AsyncWebClient, slack: StandInSlack, room: Room, question: str
) -> None:
    await client.assistant_threads_setStatus(channel_id=room.direct, thread_ts=question, status="denkt nach …")
    assert slack.status(room.direct, question) == "denkt nach …"

    await client.chat_postMessage(channel=room.direct, thread_ts=question, text="So.")

    assert slack.status(room.direct, question) == ""


async def test_an_odd_session_status_ends_no_stream(
    client: AsyncWebClient, slack: StandInSlack, room: Room, stream: str
) -> None:
    stop = client.chat_stopStream(channel=room.direct, ts=stream, session_status="fertig")

    assert await refusal(stop) == "invalid_arguments"
    assert slack.thread(room.direct, stream)[0].streaming
