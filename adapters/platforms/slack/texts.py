"""What is said without the model: answers to a slash command, and the line under a thread.

In German (du) and English: the person's language decides, the default is German.
"""

from __future__ import annotations

from enum import StrEnum


class Text(StrEnum):
    """The answers, by what they say."""

    HELP = "help"
    NEW = "new"
    NOTHING_TO_STOP = "nothing to stop"
    STOPPED_ONE = "stopped one"
    STOPPED = "stopped"
    UNAVAILABLE = "unavailable"
    NOT_READY = "not ready"
    WRITING = "writing"


_GERMAN = {
    Text.HELP: (
        "Ich bin eine KI und kann mich irren. So erreichst du mich:\n"
        "• Schreib mir eine Direktnachricht oder erwähne mich in einem Kanal: Ich antworte im Thread deiner Frage.\n"
        "• Im Thread gehen nach einer Erwähnung auch einzelne Wörter: `weiter`, `stop`, `neu`, `hilfe`, `info`.\n"
        "• `/plausch stop` beendet alle Antworten an dich in diesem Kanal.\n"
        "• `/plausch neu` erklärt dir, wie du neu anfängst."
    ),
    Text.NEW: (
        "Jeder Thread ist ein eigenes Gespräch. Neu fängst du an, indem du mir außerhalb eines Threads schreibst; "
        "im Kanal erwähnst du mich dabei. In einem Thread geht es auch: Erwähne mich dort mit dem Wort `neu`."
    ),
    Text.NOTHING_TO_STOP: "Ich schreibe dir in diesem Kanal gerade nichts, es gibt also nichts zu beenden.",
    Text.STOPPED_ONE: "Ich habe eine Antwort beendet.",
    Text.STOPPED: "Ich habe {count} Antworten beendet.",
    Text.UNAVAILABLE: (
        "Das hat nicht geklappt: Ich komme gerade nicht an meine Datenbank. "
        "Bitte versuch es in einer Minute noch einmal."
    ),
    Text.NOT_READY: "Ich bin noch nicht so weit. Bitte versuch es in einer Minute noch einmal.",
    Text.WRITING: "schreibt …",
}

_ENGLISH = {
    Text.HELP: (
        "I am an AI and can be wrong. This is how you reach me:\n"
        "• Send me a direct message, or mention me in a channel: I answer in your question's thread.\n"
        "• In a thread, single words after a mention work too: `continue`, `stop`, `new`, `help`, `about`.\n"
        "• `/plausch stop` ends all answers to you in this channel.\n"
        "• `/plausch new` tells you how to start afresh."
    ),
    Text.NEW: (
        "Each thread is a conversation of its own. You start afresh by writing to me outside a thread; in a channel, "
        "mention me. It also works in a thread: mention me there with the word `new`."
    ),
    Text.NOTHING_TO_STOP: "I am not writing anything to you in this channel, so there is nothing to stop.",
    Text.STOPPED_ONE: "I stopped one answer.",
    Text.STOPPED: "I stopped {count} answers.",
    Text.UNAVAILABLE: "That did not work: I can't reach my database just now. Please try again in a minute.",
    Text.NOT_READY: "I am not ready yet. Please try again in a minute.",
    Text.WRITING: "is writing …",
}


def say(text: Text, locale: str | None, *, count: int = 0) -> str:
    """The text in the language of ``locale`` ("en-GB", "de-DE", …): English where it is English, German else."""
    texts = _ENGLISH if (locale or "").lower().startswith("en") else _GERMAN
    return texts[text].format(count=count)


def sorry(text: Text, locale: str | None) -> str:
    """What went wrong, in both languages where the person's is not known: then nobody can be asked for it."""
    return say(text, locale) if locale else f"{say(text, 'de')}\n{say(text, 'en')}"


def stopped(count: int, locale: str | None) -> str:
    """How many answers were stopped, as a sentence."""
    match count:
        case 0:
            return say(Text.NOTHING_TO_STOP, locale)
        case 1:
            return say(Text.STOPPED_ONE, locale)
    return say(Text.STOPPED, locale, count=count)
