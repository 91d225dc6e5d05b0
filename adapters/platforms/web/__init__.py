"""The web page: a chat in the browser, streamed by server-sent events."""

from adapters.platforms.web.platform import Web

__all__ = ["Web"]
