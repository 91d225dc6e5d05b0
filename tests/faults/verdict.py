"""The checker: holds what people saw against what was asked and what the log says."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field, fields
from itertools import pairwise
from typing import TYPE_CHECKING

from tests.faults.transcript import PLACEHOLDER, marks_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tests.faults.transcript import Account, Logged, Question, Seen


@dataclass(slots=True)
class Verdict:
    """Counts of one scenario, and a line for each thing that is wrong (its first words name the count)."""

    sent: int = 0
    answered: int = 0
    """Exactly one visible end, the model's answer."""
    noticed: int = 0
    """Exactly one visible end that is a notice: refused, parked, stopped."""
    undeliverable: int = 0
    lost: int = 0
    """No visible end, or acknowledged and not stored."""
    double: int = 0
    """More than one visible end, or more than one turn."""
    out_of_order: int = 0
    """Shown before what was asked before."""
    wrong: int = 0
    """What is shown is not what the log says, or belongs elsewhere, or was left behind."""
    empty: int = 0
    """Empty placeholders of sends whose outcome nobody could learn."""
    cut_sends: int = 0
    """Such sends: each may leave one empty placeholder."""
    complaints: list[str] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        """Whether all four counts are 0."""
        return not (self.lost or self.double or self.out_of_order or self.wrong)

    def __add__(self, other: Verdict) -> Verdict:
        return Verdict(**{one.name: getattr(self, one.name) + getattr(other, one.name) for one in fields(Verdict)})


def judge(account: Account) -> Verdict:
    """The verdict on everything that happened. All counts are independent: one fault may show in several."""
    verdict = Verdict(sent=len(account.asked))
    case = _Case(account, verdict)
    for seen in account.seen:
        case.look_at(seen)
    for question in account.asked:
        case.follow(question)
    case.check_what_was_over()
    case.check_order()
    case.check_placeholders()
    return verdict


class _Case:
    """The account, indexed."""

    def __init__(self, account: Account, verdict: Verdict) -> None:
        self._account = account
        self._verdict = verdict
        self._asked = {question.mark: question for question in account.asked}
        self._turns: defaultdict[str, list[Logged]] = defaultdict(list)
        self._sent: dict[tuple[str, str], tuple[Logged, int]] = {}
        self._ends: defaultdict[str, list[tuple[int, Seen]]] = defaultdict(list)
        self._empty: Counter[str] = Counter()
        self._stored: Counter[str] = Counter()
        for turn in account.logged:
            self._index(turn)

    def _index(self, turn: Logged) -> None:
        for text in turn.questions:
            for mark in marks_in(text):
                self._turns[mark].append(turn)
                self._stored[mark] += 1
        for send in turn.sends:
            if send.message_id:
                self._sent[turn.conversation, send.message_id] = turn, send.part

    def _complain(self, count: str, about: str) -> None:
        setattr(self._verdict, count, getattr(self._verdict, count) + 1)
        self._verdict.complaints.append(f"{count}: {about}")

    def look_at(self, seen: Seen) -> None:
        """Whose message it is, and whether it reads as the log says."""
        where = f"{seen.conversation} {seen.message_id}"
        if seen.text in {"", PLACEHOLDER} and not seen.streaming:
            self._empty[seen.conversation] += 1
            return None
        if seen.streaming:
            return self._complain("wrong", f"{where}: the stream is still open")
        turn, part = self._sent.get((seen.conversation, seen.message_id)) or self._by_mark(seen)
        if turn is None:
            return self._complain("wrong", f"{where}: nobody logged this message")
        for mark in self._marks_of(turn):
            self._ends[mark].append((part, seen))
        if stranger := self._stranger(seen, turn):
            return self._complain("wrong", f"{where}: speaks of {stranger}")
        if part >= len(turn.parts) or turn.parts[part] != seen.text:
            self._complain("wrong", f"{where}: reads otherwise than the log (turn {turn.turn_id}, {turn.state})")
        return None

    def _by_mark(self, seen: Seen) -> tuple[Logged | None, int]:
        """Where no send names the message, its words may: the first mark's turn in the same conversation."""
        for mark in marks_in(seen.text):
            for turn in self._turns[mark]:
                if turn.conversation == seen.conversation:
                    return turn, 0
        return None, 0

    def _marks_of(self, turn: Logged) -> set[str]:
        return {mark for text in turn.questions for mark in marks_in(text)}

    def _stranger(self, seen: Seen, turn: Logged) -> str:
        """A mark in the text that is of no question of this turn."""
        return next((mark for mark in marks_in(seen.text) if mark not in self._marks_of(turn)), "")

    def follow(self, question: Question) -> None:
        """What became of it."""
        turns, ends = self._turns[question.mark], self._ends[question.mark]
        if not turns:
            why = "acknowledged and not stored" if question.acknowledged else "never acknowledged, never stored"
            return self._complain("lost", f"{question.mark}: {why}")
        if any(turn.conversation != question.conversation for turn in turns):
            self._complain("wrong", f"{question.mark}: stored in another conversation")
        parts = Counter(part for part, _ in ends)
        if self._stored[question.mark] > 1:
            return self._complain("double", f"{question.mark}: stored {self._stored[question.mark]} times")
        if any(times > 1 for times in parts.values()):
            return self._complain("double", f"{question.mark}: shown {max(parts.values())} times")
        (turn,) = turns
        if turn.state == "undeliverable":
            self._verdict.undeliverable += 1
        elif turn.state != "shown" or not turn.parts or set(parts) != set(range(len(turn.parts))):
            self._complain("lost", f"{question.mark}: {turn.state}, and {len(parts)} of {len(turn.parts)} parts shown")
        elif turn.kind == "answer":
            self._verdict.answered += 1
        else:
            self._verdict.noticed += 1
        return None

    def check_what_was_over(self) -> None:
        """An ending that was decided is never written again."""
        for turn in self._account.logged:
            if self._account.noted.get(turn.turn_id, turn.parts) != turn.parts:
                self._complain("wrong", f"turn {turn.turn_id}: its ending changed after it was decided")

    def check_order(self) -> None:
        """Answers stand, and came to stand, in the order in which the questions were asked."""
        conversations: defaultdict[str, list[Question]] = defaultdict(list)
        for question in self._account.asked:
            if self._ends[question.mark]:
                conversations[question.conversation].append(question)
        for questions in conversations.values():
            questions.sort(key=lambda question: question.number)
            late = self._early(questions, lambda seen: seen.order) | self._early(questions, lambda seen: seen.since)
            for mark in sorted(late):
                self._complain("out_of_order", f"{mark}: answered before what was asked before it")

    def _early(self, questions: Iterable[Question], place: Callable[[Seen], float]) -> set[str]:
        """Those that stand before the one that was asked before them."""
        places = [(min(place(seen) for _, seen in self._ends[one.mark]), one.mark) for one in questions]
        return {mark for (before, _), (after, mark) in pairwise(places) if after < before}

    def check_placeholders(self) -> None:
        """Each cut send excuses one empty placeholder in its conversation, where nobody can look for it."""
        cut = Counter(
            turn.conversation
            for turn in self._account.logged
            for send in turn.sends
            if not send.message_id and turn.conversation not in self._account.can_find
        )
        self._verdict.cut_sends += sum(cut.values())
        for conversation, count in self._empty.items():
            excused = min(count, cut[conversation])
            self._verdict.empty += excused
            for _ in range(count - excused):
                self._complain("wrong", f"{conversation}: an empty placeholder was left behind without a cause")
