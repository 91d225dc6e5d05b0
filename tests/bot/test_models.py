from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING

import pytest

from adapters.model_servers.guarded import FAILURES
from bot.models import served
from bot.settings import Settings
from conversation.errors import ModelServerUnreachable
from tests.support.service import free_port

if TYPE_CHECKING:
    from pathlib import Path

    from bot.models import Served


@pytest.mark.parametrize("kind", ["tgi", "openai"])
async def test_a_server_that_is_gone_is_left_alone_for_a_while(kind: str) -> None:
    url = f"http://127.0.0.1:{free_port()}"

    assert await trouble(served(Settings.model_validate({"model_server": kind, "model_url": url}))) == (
        "unreachable: asked again in 2 s"
    )


async def test_the_embedded_server_is_asked_often_while_it_loads(tmp_path: Path) -> None:
    (tmp_path / "model.gguf").write_bytes(b"GGUF")
    settings = {"model_server": "embedded", "embedded_model": str(tmp_path / "model.gguf")}

    assert await trouble(served(Settings.model_validate(settings))) == "unreachable: asked again in 1 s"


async def trouble(model: Served) -> str | None:
    """What is said of it after it could not be reached so many times."""
    async with aclosing(model.server) as server:
        for _ in range(FAILURES):
            with pytest.raises(ModelServerUnreachable):
                await server.describe()
        return server.trouble
