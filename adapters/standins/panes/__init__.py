"""Two chat panes over the stand-ins, and one page that shows them beside the web chat: what people see in the sandbox."""

from adapters.standins.panes.routes import Look, Panes

__all__ = ["Look", "Panes"]
