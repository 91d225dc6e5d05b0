"""Whether a request comes from Slack. Source: docs.slack.dev/authentication/verifying-requests-from-slack."""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import Final

WINDOW_SECONDS: Final = 300
"""An older (or newer) timestamp may be a replay."""

_TIMESTAMP = re.compile(r"\d{1,12}", re.ASCII)


def is_signed(secret: str, timestamp: str, signature: str, body: bytes, *, now: float) -> bool:
    """Check in constant time. ``timestamp`` and ``signature`` are headers, as they came; ``now`` in Unix seconds."""
    if not secret or not _TIMESTAMP.fullmatch(timestamp) or abs(now - int(timestamp)) > WINDOW_SECONDS:
        return False
    expected = hmac.new(secret.encode(), b"v0:" + timestamp.encode() + b":" + body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(f"v0={expected}".encode(), signature.encode("utf-8", "replace"))
