from __future__ import annotations

import asyncio

from adapters.standins.slack import ALL_SUBSCRIPTIONS
from tests.support.slack_desk import Desk
from tests.support.slack_http import over_http


async def test_a_mention_is_stored_before_it_is_acknowledged() -> None:
    desk = Desk(busy=asyncio.Event())
    async with over_http(desk) as at:
        ts = await at.standin.say(at.room.channel, "Hallo *du*", at.room.person, mention=True)
        await desk.taken.wait()
        assert not at.standin.acknowledged(ts)
        assert desk.busy is not None
        desk.busy.set()
        await at.standin.wait_for(lambda: at.standin.acknowledged(ts))
        assert desk.texts == ["Hallo **du**"]


async def test_a_mention_that_arrives_as_two_events_is_one_message() -> None:
    desk = Desk()
    async with over_http(desk, subscriptions=ALL_SUBSCRIPTIONS) as at:
        ts = await at.standin.say(at.room.channel, "Hallo", at.room.person, mention=True)
        await at.standin.say(at.room.channel, "nicht für uns", at.room.person)
        await at.standin.wait_for(lambda: len(at.standin.deliveries) == 3)
        assert [message.native_id for message in desk.received] == [ts]


async def test_without_the_database_slack_is_asked_to_deliver_again() -> None:
    desk = Desk(away=2)
    async with over_http(desk, retry_scale=0.0) as at:
        ts = await at.standin.say(at.room.direct, "Hallo", at.room.person)
        await at.standin.wait_for(lambda: at.standin.acknowledged(ts))
        assert [delivery.outcome.status for delivery in at.standin.deliveries] == [503, 503, 200]
        assert desk.texts == ["Hallo"]


async def test_an_edit_and_the_stop_button_arrive() -> None:
    desk = Desk()
    async with over_http(desk) as at:
        ts = await at.standin.say(at.room.direct, "Halo", at.room.person)
        await at.standin.edit(at.room.direct, ts, "Hallo")
        await at.standin.stop_session(at.room.direct, ts, at.room.person)
        await at.standin.wait_for(lambda: len(at.standin.deliveries) == 3)
        assert sorted(desk.texts) == ["Hallo", "Halo", "stop"]


async def test_the_request_url_can_be_verified() -> None:
    async with over_http(Desk()) as at:
        assert await at.standin.verify_events_url()


async def test_events_that_nobody_listens_to_are_acknowledged() -> None:
    desk = Desk()
    async with over_http(desk) as at:
        await at.standin.open_home(at.room.person)
        await at.standin.wait_for(lambda: at.standin.deliveries)
        assert at.standin.deliveries[0].outcome.status == 200
        assert desk.received == []


async def test_a_guests_team_is_remembered_from_the_message() -> None:
    async with over_http(Desk()) as at:
        guest = at.standin.add_person("Robin", team="T0000000GST")
        ts = await at.standin.say(at.room.channel, "Hallo", guest, mention=True)
        await at.standin.wait_for(lambda: at.standin.acknowledged(ts))
        await at.slack.begin(at.place(at.room.channel, ts, person=guest), "s1")
        assert at.calls() == ["chat.startStream"]
        assert at.standin.calls_of("users.info") == []
