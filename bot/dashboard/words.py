"""What a page says, in German or English: texts, dates, numbers. The texts in the code are the English ones."""

from __future__ import annotations

from datetime import UTC, timedelta
from functools import cache
from gettext import GNUTranslations, NullTranslations
from importlib.resources import files
from io import BytesIO
from typing import TYPE_CHECKING

from babel import Locale
from babel.dates import format_date, format_time, format_timedelta
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_decimal

from adapters.platforms.web.language import LANGUAGES

if TYPE_CHECKING:
    from datetime import datetime
    from zoneinfo import ZoneInfo

CATALOGUES = {"de": "locale/de/LC_MESSAGES/plausch.po"}
# British: day before month, and 24 hours.
_LOCALES = {"de": "de_DE", "en": "en_GB"}
_MINUTE = timedelta(minutes=1)


class Words:
    """The texts of one language, and dates in one time zone. ``zone``: None for UTC, which is then said."""

    def __init__(self, language: str, zone: ZoneInfo | None) -> None:
        self.language = language if language in LANGUAGES else LANGUAGES[0]
        self._zone = zone
        self._locale = Locale.parse(_LOCALES[self.language])
        self._catalogue = _catalogue(self.language)

    def gettext(self, message: str) -> str:
        """The text in this language. Placeholders stay as they are."""
        return self._catalogue.gettext(message)

    def ngettext(self, one: str, many: str, number: int) -> str:
        """The text for this number of things. Placeholders stay as they are."""
        return self._catalogue.ngettext(one, many, number)

    def moment(self, when: datetime) -> str:
        """Date and time, to the minute."""
        at = self._here(when)
        clock = format_time(at, "HH:mm", locale=self._locale)
        return self._with_zone(f"{format_date(at, 'medium', locale=self._locale)}, {clock}")

    def clock(self, when: datetime) -> str:
        """The time of a day, to the second."""
        return self._with_zone(format_time(self._here(when), "HH:mm:ss", locale=self._locale))

    def day(self, when: datetime) -> str:
        """The date with its day of the week."""
        return format_date(self._here(when), "full", locale=self._locale)

    def ago(self, passed: timedelta) -> str:
        """How long ago something was."""
        if passed < _MINUTE:
            return self.gettext("just now")
        return format_timedelta(-passed, add_direction=True, locale=self._locale)

    def span(self, seconds: float) -> str:
        """How long something takes or took."""
        return format_timedelta(timedelta(seconds=max(seconds, 0)), locale=self._locale)

    def number(self, number: float) -> str:
        """A number, with the language's own separators."""
        return format_decimal(number, locale=self._locale)

    def _here(self, when: datetime) -> datetime:
        return when.astimezone(self._zone or UTC)

    def _with_zone(self, text: str) -> str:
        return text if self._zone else f"{text} UTC"


@cache
def words_for(language: str, zone: ZoneInfo | None) -> Words:
    """The words of a language and a time zone, made once."""
    return Words(language, zone)


@cache
def _catalogue(language: str) -> NullTranslations:
    if language not in CATALOGUES:
        return NullTranslations()
    compiled = BytesIO()
    with files("bot.dashboard").joinpath(CATALOGUES[language]).open("rb") as text:
        write_mo(compiled, read_po(text, locale=language))
    compiled.seek(0)
    return GNUTranslations(compiled)
