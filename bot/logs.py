"""Logs: structured, without message texts and without tokens."""

from __future__ import annotations

import logging
import re
import sys
from typing import TYPE_CHECKING, Any

import structlog

if TYPE_CHECKING:
    from collections.abc import MutableMapping

# Telegram's token stands in each address that is called; Slack's begin with xox or xapp; keys follow "Bearer".
_SECRETS = re.compile(
    r"bot\d{3,}:[\w-]{10,}|\b\d{6,}:[\w-]{30,}|xox[a-z]-[\w-]+|xapp-[\w-]+|(?<=Bearer )\S+|(?<=://)[^/@\s:]*:[^@\s]+(?=@)"
)
# Libraries say more than we may log, even at INFO: addresses that hold tokens, statements with the texts of people.
_OURS = ("bot", "adapters", "conversation")


def scrub(value: Any) -> Any:
    """The value with everything that looks like a token or a password replaced."""
    return _SECRETS.sub("***", value) if isinstance(value, str) else value


def _scrub_event(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    return {key: scrub(value) for key, value in event.items()}


def _single_line(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """No text can forge a line of the log, nor speak to the terminal."""
    return {
        key: value
        if key == "exception" or not isinstance(value, str)
        else value.encode("unicode_escape").decode("ascii")
        if not value.isprintable()
        else value
        for key, value in event.items()
    }


def configure(level: str, *, as_json: bool | None = None) -> None:
    """Send our own and the libraries' logs to standard error: JSON lines, or readable ones on a terminal."""
    as_json = not sys.stderr.isatty() if as_json is None else as_json
    renderer: Any = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if as_json
        else structlog.dev.ConsoleRenderer(
            exception_formatter=structlog.dev.plain_traceback  # the other one shows local variables: texts of people
        )
    )
    shared: list[Any] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _scrub_event,
        _single_line,
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(logging.WARNING, logging.getLevelNamesMapping()[level.upper()]))
    for name in _OURS:
        logging.getLogger(name).setLevel(level.upper())
