"""The pane over stand-in Slack: one channel with its threads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from adapters.standins.slack import BOT_USER, ChangeKind

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from adapters.standins.panes.pane import Json, Written
    from adapters.standins.slack import Change, Ephemeral, Line, StandInSlack
    from adapters.standins.slack.watching import Changes

CHANNEL = "sandbox"
COMMAND = "/plausch"
_PEOPLE = {"de": ("Erika Mustermann", "de-DE"), "en": ("Jane Doe", "en-GB")}


class SlackPane:
    """One channel, and a sample person for each language in it."""

    most: Final = 12_000

    def __init__(self, slack: StandInSlack) -> None:
        self._slack = slack
        self.channel = slack.add_channel(CHANNEL)
        self.people = {language: slack.add_person(*person) for language, person in _PEOPLE.items()}

    def person(self, language: str) -> str:
        """The sample person's name."""
        return _PEOPLE[language][0]

    def everything(self, language: str) -> Json:
        """The channel with its threads, and what only this person sees."""
        lines = [self._line(line, language) for line in self._slack.lines(self.channel) if not line.deleted]
        whispers = [
            _whisper(whisper)
            for whisper in self._slack.ephemerals
            if whisper.channel == self.channel and whisper.user == self.people[language]
        ]
        return {
            "kind": "all",
            "messages": sorted([*lines, *whispers], key=lambda message: float(message["at"])),
            "names": {BOT_USER: self._slack.app_name, self.channel: CHANNEL}
            | {person: _PEOPLE[spoken][0] for spoken, person in self.people.items()},
            "statuses": {line["id"]: status for line in lines if (status := self._status(line["id"]))},
        }

    def changes(self, language: str) -> AsyncIterator[Json]:
        """See ``Pane.changes``."""
        return self._follow(self._slack.changes(), language)

    async def say(self, language: str, written: Written) -> None:
        """Write into the channel or a thread of it; ``/plausch …`` is the slash command."""
        if written.thread and not self._slack.thread(self.channel, written.thread):
            raise LookupError(written.thread)
        person = self.people[language]
        command, _, rest = written.text.strip().partition(" ")
        if command == COMMAND:
            await self._slack.slash(COMMAND, rest.strip(), person, self.channel)
            return
        mention = written.mention and f"@{self._slack.app_name}" not in written.text
        await self._slack.say(self.channel, written.text, person, written.thread or None, mention=mention)

    async def stop(self, language: str, thread: str) -> None:
        """Press the stop button under a thread."""
        await self._slack.stop_session(self.channel, thread, self.people[language])

    async def _follow(self, changes: Changes, language: str) -> AsyncIterator[Json]:
        async for change in changes:
            if change.channel == self.channel and (event := self._event(change, language)):
                yield event

    def _event(self, change: Change, language: str) -> Json | None:
        match change.kind:
            case ChangeKind.POSTED | ChangeKind.EDITED:
                line = next(line for line in self._slack.lines(self.channel) if line.ts == change.ts)
                return {"kind": "message", "message": self._line(line, language)}
            case ChangeKind.DELETED:
                return {"kind": "gone", "id": change.ts}
            case ChangeKind.STATUS:
                return {"kind": "typing", "thread": change.thread_ts, "text": change.text}
            case ChangeKind.EPHEMERAL if change.user == self.people[language]:
                return {"kind": "message", "message": _whisper(self._slack.ephemerals[-1])}
        return None

    def _status(self, ts: str) -> str:
        """What stands under a thread; not behind an answer that is whole, which ends it for whoever reads."""
        *_, newest = self._slack.thread(self.channel, ts)
        return "" if newest.by_app and not newest.streaming else self._slack.status(self.channel, ts)

    def _line(self, line: Line, language: str) -> Json:
        return {
            "id": line.ts,
            "at": float(line.ts),
            "thread": "" if line.thread_ts == line.ts else line.thread_ts,
            "name": line.name,
            "own": line.user == self.people[language],
            "bot": line.by_app,
            # The bot writes Markdown; what people type reaches Slack as its mrkdwn.
            "markup": "markdown" if line.by_app else "mrkdwn",
            "text": line.text,
            "writing": line.streaming,
        }


def _whisper(whisper: Ephemeral) -> Json:
    return {
        "id": f"whisper-{whisper.at}",
        "at": whisper.at,
        "thread": whisper.thread_ts,
        "name": "plausch",
        "own": False,
        "bot": True,
        "markup": "mrkdwn",
        "text": whisper.text,
        "writing": False,
        "whisper": True,
    }
