"""What the service itself says in the chat, in German (du) and English. All of it is Markdown."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache


@dataclass(frozen=True, slots=True)
class Texts:
    """One language. Fields with braces are filled by ``str.format`` with the names given there."""

    ai_notice: str
    stopped: str
    stopped_early: str
    tokens_used_up: str
    cut: str
    no_words: str
    nothing_to_stop: str
    afresh: str
    help: str
    about: str
    too_long: str
    refused: str
    parked: str
    only_files: str
    waiting: str
    full: str
    attachment: str


GERMAN = Texts(
    ai_notice="_Ich bin eine KI und kann mich irren – prüfe bitte nach, was wichtig ist._",
    stopped="⏹ _Gestoppt._",
    stopped_early="⏹ _Gestoppt, bevor ich etwas geschrieben hatte._",
    tokens_used_up="✂️ _Länger darf eine Antwort nicht werden. Schreib „weiter“, dann mache ich hier weiter._",
    cut="⚠️ _Die Verbindung zum Sprachmodell ist abgerissen, der Rest fehlt. Frag am besten noch einmal._",
    no_words="_Dazu ist mir nichts eingefallen. Frag gern noch einmal mit anderen Worten._",
    nothing_to_stop="Ich schreibe gerade nichts, was ich stoppen könnte.",
    afresh="Wir fangen neu an: Was wir bisher geschrieben haben, beachte ich nicht mehr.",
    help=(
        "Schreib mir einfach, was du wissen möchtest. In Gruppen und Kanälen antworte ich, wenn du mich erwähnst, auf"
        " Telegram auch auf `/ask …` oder wenn du auf eine Nachricht von mir antwortest.\n\n"
        "- `stop` – ich höre sofort auf zu schreiben\n"
        "- `neu` – ein neues Gespräch, ohne das bisherige\n"
        "- `weiter` – ich setze eine abgeschnittene Antwort fort\n"
        "- `info` – welches Modell hinter mir steckt und was ich nicht kann\n"
        "- `hilfe` – diese Übersicht\n\n"
        "Ich bin eine KI und kann mich irren."
    ),
    about=(
        "Ich bin **plausch**, ein KI-Assistent auf einem eigenen Server. Meine Antworten schreibt das Sprachmodell"
        " `{model}` ({licence}).\n\n"
        "Ich kann mich irren, auch wenn es überzeugend klingt. Ich kenne keine aktuellen Ereignisse, lese keine Dateien"
        " und öffne keine Links. Was du schreibst und was ich antworte, wird auf diesem Server gespeichert."
    ),
    too_long=(
        "Deine Nachricht ist zu lang für mich: etwa {tokens} Tokens, Platz ist für {budget}."
        " Kürze sie bitte oder teile sie auf."
    ),
    refused=(
        "Das Sprachmodell hat diese Anfrage nicht angenommen, und noch einmal dasselbe zu fragen ändert daran nichts."
        " Versuch es bitte kürzer oder mit anderen Worten."
    ),
    parked=(
        "Ich habe mehrmals versucht, diese Nachricht zu beantworten, und es ist mir nicht gelungen. Ich lege sie"
        " beiseite; wer mich betreibt, kann das sehen. Du kannst einfach weiterschreiben."
    ),
    only_files="Dateien kann ich nicht lesen. Schreib mir bitte in Worten, worum es geht.",
    waiting="_Das dauert gerade etwas länger – ich antworte hier, sobald es geht._",
    full=(
        "Gerade warten zu viele Fragen auf eine Antwort, deshalb habe ich diese nicht angenommen."
        " Frag bitte in ein paar Minuten noch einmal."
    ),
    attachment="Anhang",
)

ENGLISH = Texts(
    ai_notice="_I am an AI and can be wrong – please check what matters._",
    stopped="⏹ _Stopped._",
    stopped_early="⏹ _Stopped before I had written anything._",
    tokens_used_up="✂️ _An answer can’t be longer than this. Write “continue” and I’ll carry on from here._",
    cut="⚠️ _The connection to the language model broke and the rest is missing. Please ask again._",
    no_words="_Nothing came to mind. Please try asking in other words._",
    nothing_to_stop="I’m not writing anything that I could stop.",
    afresh="A fresh start: I no longer take into account what we wrote before.",
    help=(
        "Just write what you would like to know. In groups and channels I answer when you mention me; on Telegram also"
        " to `/ask …`, or when you reply to a message of mine.\n\n"
        "- `stop` – I stop writing at once\n"
        "- `new` – a new conversation, without what came before\n"
        "- `continue` – I carry on with an answer that was cut off\n"
        "- `about` – which model is behind me, and what I can’t do\n"
        "- `help` – this overview\n\n"
        "I am an AI and can be wrong."
    ),
    about=(
        "I am **plausch**, a self-hosted AI assistant. My answers are written by the language model `{model}`"
        " ({licence}).\n\n"
        "I can be wrong, even when I sound convincing. I know nothing of recent events, and I can’t read files or open"
        " links. What you write and what I answer is stored on this server."
    ),
    too_long=(
        "Your message is too long for me: about {tokens} tokens, and there is room for {budget}."
        " Please shorten it or split it up."
    ),
    refused=(
        "The language model did not accept this request, and asking the same again won’t change that."
        " Please try a shorter message, or other words."
    ),
    parked=(
        "I tried several times to answer this message, and failed. I have put it aside; whoever runs me can see that."
        " You can simply carry on writing."
    ),
    only_files="I can’t read files. Please tell me in words what it is about.",
    waiting="_This is taking a little longer – I’ll answer here as soon as I can._",
    full=(
        "Too many questions are waiting for an answer right now, so I did not take this one."
        " Please ask again in a few minutes."
    ),
    attachment="Attachment",
)


@lru_cache(maxsize=64)  # asked for with each piece of an answer that begins with the AI notice
def texts_for(locale: str | None) -> Texts:
    """The person's language where it is one of ours; German else. ``locale`` as in ``de``, ``en-GB`` or ``en_US``."""
    language = (locale or "").replace("_", "-").partition("-")[0].casefold()
    return ENGLISH if language == "en" else GERMAN
