"""What people see in the sandbox: a chat pane over each stand-in, and one page with both beside the web chat."""

from adapters.standins.panes.routes import Look, Panes

__all__ = ["Look", "Panes"]
