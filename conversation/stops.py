"""Where an answer ends, and what of it may be shown so far."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from conversation.prompts.markers import (
    BEGINNING,
    FIRST_CHARACTERS,
    MARKER,
    ROLE_WORDS,
    ends_answer,
    is_marker,
    restored,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

# A code block's first line may stand in a list or a quotation, its last line in a quotation.
_MARGIN = re.compile(r"(?:[ \t\r>]|[-*+][ \t]|\d{1,9}[.)][ \t])*", re.ASCII)
_MARGIN_SO_FAR = re.compile(rf"{_MARGIN.pattern}(?:[-*+]|\d{{1,9}}[.)]?)?", re.ASCII)
_MARGIN_IN_CODE = re.compile(r"[ \t\r>]*")
_MARGIN_LENGTH = 80
_BLANKS = " \t\r"
_FENCE_LENGTH = 3
_REST = rf"(?P<bare>{'|'.join(ROLE_WORDS)})|(?P<run>`+|~+)|(?P<newline>\n)"
# Most pieces hold none of these characters, and one look is enough.
_NOTABLE = re.compile(rf"[{re.escape(FIRST_CHARACTERS)}`~\n]")
_STREAMING = re.compile(rf"(?P<marker>{MARKER})|(?P<open>(?:{BEGINNING}|`+|~+)\Z)|{_REST}")
_COMPLETE = re.compile(rf"(?P<marker>{MARKER})|{_REST}")


class StopWatch:
    """Reads an answer as it streams: gives out what may be shown, and sees where the model ends it.

    Outside code (a fenced block, also one that is not closed; a span that is closed on its line), a role word or an
    end token that the model wrote by itself ends the answer, and other markers are left out. Words that were
    neutralised in the prompt are shown as they were, and end nothing. What is not decided yet is held back: the
    beginning of a marker; a marker after an open backtick, and what follows, until the backtick is closed or the line
    is over. However a text is cut into pieces, the same is shown. Time is linear in the answer's length.
    """

    def __init__(self) -> None:
        self.ended = False
        """The model has ended its answer: close the stream, feed no more."""
        self._shown = _Shown()
        self._held = ""
        self._before = ""
        """The character before what is read next; a space after a marker, which is as good as gone."""
        self._fence = ""
        """The run that opened the code block we are in."""
        self._margin: str | None = ""
        """The line so far, as long as a code block may begin or end next."""
        self._closes_fence = False
        """Nothing but a run that closes the code block stands on the line so far."""
        self._opens_fence = False
        """The open span's backticks are a code block's, if the line has no others."""
        self._open: list[_Piece] = []
        """The line since a backtick that is not closed yet: its runs, and all since the first marker."""
        self._undecided = False
        """There is a marker in it."""

    def feed(self, piece: str) -> str:
        """What may be shown beyond what was given out before. After the end it is nothing."""
        is_within_a_line = self._margin is None and not (self._held or self._closes_fence or self._undecided)
        # Nothing in the piece, nor before it, needs a closer look: so most pieces cost little.
        if is_within_a_line and piece and not self.ended and not _NOTABLE.search(piece):
            self._before = piece[-1]
            return self._shown.pass_on(piece)
        if not self.ended:
            self._read(self._held + piece, _STREAMING)
        return self._shown.take()

    def close(self, *, cut: bool = False) -> str:
        """What may be shown beyond that, now that no more comes. It can turn out that the answer had ended.

        ``cut``: the model was not done (stopped, tokens used up, stream broken). Else a marker at the very end, and a
        role word without its colon, is the beginning of somebody else's turn and not shown.
        """
        if not self.ended:
            self._read(self._held, _COMPLETE)
        if not self.ended:
            self._end_line()
        if cut and not self.ended:
            self._shown.keep_tail()
        return self._shown.take()

    def _read(self, text: str, pattern: re.Pattern[str]) -> None:
        at = 0
        while not self.ended and (found := _next(pattern, text, at)) and found.lastgroup != "open":
            self._plain(text[at : found.start()])
            self._event(found)
            at = found.end()
        if self.ended:
            return
        end = found.start() if found else len(text)
        self._plain(text[at:end])
        self._held = text[end:]

    def _event(self, found: re.Match[str]) -> None:
        text = found.group()
        match found.lastgroup:
            case "marker" if is_marker(text, self._before):
                self._marker(text)
                self._before = " "
            case "marker":
                self._plain(restored(text))
            case "bare":
                self._bare(text)
            case "run":
                self._run(text)
            case _:
                self._end_line()
                self._put(text)
                self._before = text

    def _plain(self, text: str) -> None:
        if self._margin is not None:
            self._margin += text
            if len(self._margin) > _MARGIN_LENGTH or not _MARGIN_SO_FAR.fullmatch(self._margin):
                self._margin = None
        if self._closes_fence and text.strip(_BLANKS):
            self._closes_fence = False
        self._before = text[-1:] or self._before
        self._put(text)

    def _stands_at(self, margin: re.Pattern[str]) -> bool:
        return self._margin is not None and margin.fullmatch(self._margin) is not None

    def _put(self, text: str) -> None:
        if self._undecided:
            self._open.append(_Piece(text))
        else:
            self._shown.write(text)

    def _marker(self, marker: str) -> None:
        if self._fence:
            self._margin, self._closes_fence = None, False
            self._shown.write_unless_last(marker)
        elif self._open:
            self._undecided = True
            self._open.append(_Piece(marker, marker=True))
        else:
            self._leave_out(marker)

    def _leave_out(self, marker: str) -> None:
        self.ended = ends_answer(marker)
        # What stood before and after it must not become a marker together.
        self._shown.write(" ")

    def _bare(self, word: str) -> None:
        if self._fence or self._undecided or not self._before.isspace():
            self._plain(word)
            return
        self._margin, self._before = None, word[-1]
        self._shown.write_unless_last(word)

    def _run(self, run: str) -> None:
        if self._fence:
            closes = self._stands_at(_MARGIN_IN_CODE) and run.startswith(self._fence)
            self._plain(run)
            self._closes_fence = closes
        elif run[0] == "`":
            self._ticks(run)
        else:
            self._fence = run if len(run) >= _FENCE_LENGTH and self._stands_at(_MARGIN) else ""
            self._plain(run)

    def _ticks(self, run: str) -> None:
        if not self._open:
            self._opens_fence = len(run) >= _FENCE_LENGTH and self._stands_at(_MARGIN)
            self._open = [_Piece("", ticks=len(run))]
            self._plain(run)
        elif len(run) == self._open[0].ticks:
            self._code(self._take_open())
            self._plain(run)
        else:
            self._opens_fence = False
            self._open.append(_Piece(run if self._undecided else "", ticks=len(run)))
            if not self._undecided:
                self._shown.write(run)
            self._before = run[-1]

    def _end_line(self) -> None:
        if self._open and self._opens_fence:
            self._fence = "`" * self._open[0].ticks
            self._code(self._take_open())
        elif self._open:
            self._settle(self._take_open())
        elif self._closes_fence:
            self._fence = ""
        self._margin, self._closes_fence = "", False

    def _take_open(self) -> Sequence[_Piece]:
        pieces, self._open, self._undecided = self._open, [], False
        return pieces

    def _code(self, pieces: Sequence[_Piece]) -> None:
        for piece in pieces:
            if piece.marker:
                self._shown.write_unless_last(piece.text)
            else:
                self._shown.write(piece.text)

    def _settle(self, pieces: Sequence[_Piece]) -> None:
        """The line is over and its first run was never closed: it is text, and the next runs may be spans."""
        closers = _closers(pieces)
        at = 0
        while at < len(pieces) and not self.ended:
            after = closers[at] + 1
            if pieces[at].marker:
                self._leave_out(pieces[at].text)
            else:
                self._code(pieces[at:after])
            at = after


@dataclass(frozen=True, slots=True)
class _Piece:
    """A piece of a line: plain text, a run of ``ticks`` backticks, or a marker. ``text`` is what is not shown yet."""

    text: str
    ticks: int = 0
    marker: bool = False


def _closers(pieces: Sequence[_Piece]) -> list[int]:
    """For each piece where it ends: at the run that closes it, or at itself."""
    ends = list(range(len(pieces)))
    nearest: dict[int, int] = {}
    for at in reversed(ends[:]):
        if ticks := pieces[at].ticks:
            ends[at] = nearest.get(ticks, at)
            nearest[ticks] = at
    return ends


def _next(pattern: re.Pattern[str], text: str, at: int) -> re.Match[str] | None:
    notable = _NOTABLE.search(text, at)
    return pattern.search(text, notable.start()) if notable else None


class _Shown:
    """What may be shown, without whitespace at its ends."""

    def __init__(self) -> None:
        self._begun = False
        self._fresh: list[str] = []
        self._tail: list[str] = []
        """Shown only where more follows."""

    def write(self, text: str) -> None:
        words = text.rstrip() if self._begun else text.strip()
        if words:
            self._fresh += (*self._tail, words)
            self._tail = []
            self._begun = True
        if self._begun and text[-1:].isspace():
            self._tail.append(text[len(text.rstrip()) :])

    def pass_on(self, text: str) -> str:
        """What ``write`` and ``take`` make of it where nothing else waits to be taken; most pieces go as they came."""
        if self._begun and not self._tail and not text[-1].isspace():
            return text
        self.write(text)
        return self.take()

    def write_unless_last(self, text: str) -> None:
        """Show it where something other than whitespace, or another of its kind, follows."""
        if self._begun:
            self._tail.append(text)
        else:
            self.write(text)

    def keep_tail(self) -> None:
        self._fresh.append("".join(self._tail).rstrip())

    def take(self) -> str:
        fresh, self._fresh = "".join(self._fresh), []
        return fresh
