"""What can go wrong on a message's way. Each error says what the one who catches it can do."""

from __future__ import annotations


class PlauschError(Exception):
    """The base of all errors that this project raises on purpose."""


class LeaseLost(PlauschError):
    """Another worker has the conversation now: write nothing, call nobody, go on with other work."""


class StoreUnavailable(PlauschError):
    """The database can't be reached or can't write now. Nothing was stored: do not acknowledge, try again later."""


class StoreFault(PlauschError):
    """The database refuses a statement or its values: the same again would be refused again."""


class ModelServerError(PlauschError):
    """The model server did not give an answer."""


class ModelServerUnavailable(ModelServerError):
    """It gives no answers now. ``rest_seconds`` is how long it makes no sense to ask again; None where nobody knows."""

    def __init__(self, reason: str = "", rest_seconds: float | None = None) -> None:
        super().__init__(reason)
        self.rest_seconds = rest_seconds


class ModelServerUnreachable(ModelServerUnavailable):
    """It can't be reached, or is still loading: wait."""


class ModelServerOverloaded(ModelServerUnavailable):
    """It has too much to do: wait, and say so."""


class PromptTooLong(ModelServerError):
    """The prompt and the answer do not fit the model's window: cut the window, or tell the person."""


class ModelServerRefused(ModelServerError):
    """It refuses the request for good (validation): the same request will fail again."""


class StreamBroken(ModelServerError):
    """The stream ended without its end: ask again if nothing was shown yet, else mark the answer as cut."""


class PlatformError(PlauschError):
    """A platform did not do what was asked."""


class TooFast(PlatformError):
    """The platform wants a pause of ``seconds`` in this place."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"pause for {seconds:g} s")
        self.seconds = seconds


class Undeliverable(PlatformError):
    """Nobody can be reached there any more (blocked, kicked, deleted): end the turn."""


class OutcomeUnknown(PlatformError):
    """The call was cut: it may have been carried out. Never send again without looking."""


class PlatformUnreachable(PlatformError):
    """The platform can't be reached or has trouble of its own, and nothing was carried out: wait and try again."""


class MessageGone(PlatformError):
    """The message to edit is not there any more: send a new one."""


class SettingWrong(PlauschError):
    """A setting can't work. ``name`` is its ``PLAUSCH_`` name, ``cure`` says what to do."""

    def __init__(self, name: str, problem: str, cure: str) -> None:
        super().__init__(f"{name}: {problem} {cure}")
        self.name = name
        self.problem = problem
        self.cure = cure
