"""The sandbox: one page on which the same service answers in three places, and one command that asks in all three."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from playwright.async_api import expect
from pydantic import SecretStr

from adapters.standins.script import Fault, FaultKind, Pace, pieces
from adapters.standins.slack import StandInSlack
from adapters.standins.telegram.server import StandInTelegram
from adapters.standins.tgi import StandInTGI
from bot import sandbox, sandbox_say
from bot.models import served
from bot.sandbox_show import legible
from bot.settings import Settings
from tests.conftest import BUILD
from tests.support.browser import chromium

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from playwright.async_api import FrameLocator, Page

    from bot.sandbox import Sandbox

QUESTION = "Wie viele Wörter hat ein Buch mit 500 Seiten zu je 300 Wörtern?"
ANSWER = """Ein Buch mit **500 Seiten** zu je 300 Wörtern hat **150.000 Wörter**:

1. Seiten: 500
2. Wörter je Seite: 300

```python
def words(pages: int, per_page: int) -> int:
    return pages * per_page
```

Das ist etwa so lang wie zwei gewöhnliche Romane."""
PICTURES = BUILD / "screenshots"


@pytest.fixture
async def tgi() -> AsyncIterator[StandInTGI]:
    async with StandInTGI(lambda _: pieces(ANSWER)) as standin:
        yield standin


@asynccontextmanager
async def opened(folder: Path, url: str, **more: Any) -> AsyncIterator[Sandbox]:
    settings = sandbox.for_sandbox(
        Settings.model_validate({"model_server": "tgi", "model_url": url} | more), folder, http_port=0
    )
    async with sandbox.opened(settings, served(settings)) as running:
        await running.until_ready(20)
        yield running


# ── the page ─────────────────────────────────────────────────────────────────────────────────────────────────────────


async def write(pane: FrameLocator, text: str) -> None:
    await pane.get_by_role("textbox", name="Nachricht").fill(text)
    await pane.get_by_role("textbox", name="Nachricht").press("Enter")


async def test_a_person_writes_in_each_of_the_three_places_and_sees_the_answer(
    tmp_path: Path, tgi: StandInTGI, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The pictures show what a newcomer sees, who has the small model.
    small = sandbox.notice(Settings.model_validate({}))
    monkeypatch.setattr(sandbox, "notice", lambda _: small)
    tgi.pace = Pace(0.005)
    async with opened(tmp_path, tgi.url) as running, chromium() as browser:
        context = await browser.new_context(locale="de-DE", viewport={"width": 1440, "height": 900})
        page = await context.new_page()
        complaints: list[str] = []
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        await page.goto(running.page)
        await expect(page.get_by_text("vertritt nur EM German")).to_be_visible()
        panes = [page.frame_locator(f"#{name} iframe") for name in ("slack", "telegram", "web")]
        await expect(panes[2].get_by_role("heading", name="Worüber plauschen wir?")).to_be_visible()
        await picture(page, "sandbox-start")
        for pane in panes:
            await write(pane, QUESTION)
        for pane in panes:
            await expect(pane.get_by_text("zwei gewöhnliche Romane.").first).to_be_visible(timeout=20_000)
            await expect(pane.locator("strong", has_text="150.000 Wörter")).to_be_visible()
            await expect(pane.locator("pre")).to_contain_text("return pages * per_page")
        await picture(page, "sandbox")
        await page.emulate_media(color_scheme="dark")
        await picture(page, "sandbox-dark")
        await on_a_phone(page)
        await context.close()
    assert complaints == []


async def on_a_phone(page: Page) -> None:
    await page.emulate_media(color_scheme="light")
    await page.set_viewport_size({"width": 390, "height": 844})
    for name in ("Slack", "Telegram", "Web"):
        await page.get_by_role("tab", name=name).click()
        await expect(page.get_by_role("tabpanel")).to_have_count(1)
        await picture(page, f"sandbox-phone-{name.lower()}")
    await page.keyboard.press("ArrowRight")
    await expect(page.get_by_role("tab", name="Slack")).to_have_attribute("aria-selected", "true")
    await expect(page.get_by_role("tab", name="Slack")).to_be_focused()
    width = await page.evaluate("document.documentElement.scrollWidth")
    assert width == 390


async def picture(page: Page, name: str) -> None:
    PICTURES.mkdir(parents=True, exist_ok=True)
    await page.screenshot(path=PICTURES / f"{name}.png", animations="disabled")


async def test_one_switch_turns_the_language_of_all_three(tmp_path: Path, tgi: StandInTGI) -> None:
    async with opened(tmp_path, tgi.url) as running, chromium() as browser:
        page = await (await browser.new_context(locale="de-DE")).new_page()
        await page.goto(running.page)
        await page.get_by_role("button", name="Switch to English").first.click()
        for name, words in {"slack": "This is the start", "telegram": "Nothing here", "web": "What shall we"}.items():
            pane = page.frame_locator(f"#{name} iframe")
            await expect(pane.get_by_role("heading", name=words)).to_be_visible()


# ── what it is made of ───────────────────────────────────────────────────────────────────────────────────────────────


def test_the_sandbox_takes_the_model_server_from_the_person_and_nothing_else(tmp_path: Path) -> None:
    theirs = Settings.model_validate(
        {
            "model_server": "tgi",
            "model_url": "http://models.example:8081",
            "model_key": "key",
            "database_url": "postgresql://theirs.example/plausch",
            "redis_url": "redis://theirs.example",
            "http_host": "0.0.0.0",  # noqa: S104 - what must not get in
            "web_chat": True,
            "slack_bot_token": "xoxb-theirs",
            "telegram_token": "1:theirs",
            "telegram_webhook_url": "https://theirs.example/telegram/webhook",
            "telegram_webhook_secret": "theirs",
        }
    )

    slack, telegram = StandInSlack(app_token="xapp-ours"), StandInTelegram()
    ours = sandbox.between(sandbox.for_sandbox(theirs, tmp_path / "new", http_port=0), slack, telegram)

    assert (ours.model_url, ours.model_key) == (theirs.model_url, theirs.model_key)
    assert ours.database_url == f"sqlite:///{tmp_path / 'new' / 'sandbox.sqlite3'}"
    assert (tmp_path / "new").is_dir()
    left = ours.model_dump_json() + repr([value for _, value in ours if isinstance(value, SecretStr)])
    assert "theirs" not in left
    assert (ours.http_host, ours.web_chat, ours.redis_url) == ("127.0.0.1", False, None)
    assert ours.slack_app_token == SecretStr("xapp-ours")
    assert ours.problems() == []


@pytest.mark.parametrize(
    ("settings", "german", "english"),
    [
        ({}, "vertritt nur EM German", "only a stand-in for EM German"),
        ({"embedded_model": "Some/em_german-GGUF:em_german.Q4_K_M.gguf"}, "em_german.Q4_K_M.gguf", "on your machine"),
        ({"model_server": "tgi", "model_url": "http://me:secret@gpu.example:8081"}, "(gpu.example)", "nowhere else"),
    ],
)
def test_the_notice_says_who_answers_and_where_the_words_go(
    settings: dict[str, str], german: str, english: str
) -> None:
    notice = sandbox.notice(Settings.model_validate(settings))
    assert german in notice["de"]
    assert english in notice["en"]
    assert "Attrappen" in notice["de"]
    assert "stand-ins" in notice["en"]
    assert "secret" not in str(notice)


async def test_a_port_that_is_taken_is_left_to_whoever_has_it() -> None:
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    async with server:
        assert sandbox.free_or_any(server.sockets[0].getsockname()[1]) == 0
    assert sandbox.free_or_any(0) == 0


async def test_a_second_start_on_the_same_database_answers_as_the_first_did(tmp_path: Path, tgi: StandInTGI) -> None:
    for _ in range(2):
        async with opened(tmp_path, tgi.url) as running:
            answers = await sandbox_say.ask_everywhere(running, "Noch einmal", 20, lambda _: None)
            assert ["150.000 Wörter" in answer.text for answer in answers] == [True, True, True]


# ── asking in all three ──────────────────────────────────────────────────────────────────────────────────────────────


async def test_an_answer_that_does_not_end_is_named_and_the_others_are_asked_all_the_same(
    tmp_path: Path, tgi: StandInTGI
) -> None:
    tgi.faults.extend([None, Fault(FaultKind.HANG, after=3)])
    told: list[int] = []
    async with opened(tmp_path, tgi.url) as running:
        answers = await sandbox_say.ask_everywhere(
            running, QUESTION, 4, lambda sofar: told.append(sum(answer.over for answer in sofar))
        )
        assert tgi.cancelled == 1
    assert [answer.missing for answer in answers] == ["", "no end within 4 s", ""]
    assert sorted(set(told)) == [0, 1, 2, 3]
    times = [(answer.first_text_after, answer.last_change_after) for answer in answers]
    assert all(first is not None and last is not None and first <= last for first, last in times)


async def test_what_is_no_answer_of_the_model_does_not_count_as_one(tmp_path: Path, tgi: StandInTGI) -> None:
    async with opened(tmp_path, tgi.url) as running:
        answers = await sandbox_say.ask_everywhere(running, "hilfe", 20, lambda _: None)
    assert [answer.missing.partition(":")[0] for answer in answers] == ["ended as notice"] * 3


async def test_what_is_stored_otherwise_than_it_was_seen_is_found_out(
    tmp_path: Path, tgi: StandInTGI, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sandbox_say, "_SETTLE_SECONDS", 0.01)
    async with opened(tmp_path, tgi.url) as running:
        *_, web = await sandbox_say.ask_everywhere(running, QUESTION, 20, lambda _: None)
        turn = await sandbox_say.newest_turn(running.service, "web")
        assert (web.missing, web.model) == ("", "plausch/stand-in")
        assert turn is not None
        web.texts = ("Something else.",)
        found = [
            await sandbox_say.what_is_wrong(running.service, web, stored)
            for stored in (turn, replace(turn, questions=()), replace(turn, state="undeliverable"))
        ]
    assert found == [
        "what is stored is not what was seen",
        "the question is not stored",
        "stored as undeliverable, not as shown",
    ]


async def test_a_question_with_marks_and_names_in_it_is_one_all_the_same(tmp_path: Path, tgi: StandInTGI) -> None:
    text = "/plausch @plausch *wichtig* _a_ `x<y` & https://example.org/?a=1&b=2 2*3 <@U1> **fett**"
    async with opened(tmp_path, tgi.url) as running:
        answers = await sandbox_say.ask_everywhere(running, text, 20, lambda _: None)
    assert [answer.missing for answer in answers] == ["", "", ""]


def test_an_answer_can_not_speak_to_the_terminal() -> None:
    assert legible("a\x1b[2Jb\tc\r\n\x9bd") == "a�[2Jb    c�\n�d"
