"""The server of the table of identity."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from tests.conftest import Place
from tests.identity.application import ACTIONS, CHANNELS
from tests.identity.table import VARIABLES, Site

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Run the application; at the end, search all that it has written for secrets."""
    folder = tmp_path_factory.mktemp("identity")
    place = Place(folder, folder / "site", [
        "auth", "channels", "db", "redis", "sessions", "sse", "tasks", "web", "websocket",
    ])  # fmt: skip
    place.write("shop/__init__.py", "")
    place.write("shop/actions.py", ACTIONS)
    place.write("shop/channels.py", CHANNELS)
    place.write("actionhero.toml", 'app.package = "shop"\n')
    try:
        site = Site(place, place.start("--log-level", "debug", "start", **VARIABLES))
        asyncio.run(site.prepare())
        yield site
        ended = site.server.stop()
        assert ended.code == 0, ended.stderr
        site.outputs += [ended.stdout, ended.stderr]
        for request_id in site.unrecorded:
            assert site.events(request_id) == []
        written = "\n".join(site.outputs)
        for secret in site.secrets:
            assert secret not in written
        # A session is stored under its identifier; tokens and passwords are not stored.
        session_id = site.headers["session"]["Cookie"].partition("=")[2]
        for path in folder.rglob("*"):
            data = (
                path.read_bytes() if path.is_file() and path.suffix not in {".py", ".pyc"} else b""
            )
            for secret in site.secrets - {session_id}:
                assert secret.encode() not in data, path
    finally:
        place.close()
