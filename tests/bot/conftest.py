"""Real processes, really killed; the stand-ins live on in the test."""

from __future__ import annotations

from tests.e2e.conftest import room, slack, telegram, tgi

__all__ = ["room", "slack", "telegram", "tgi"]
