"""Fixtures for the tests of channels: sample channels, and the environment of each Redis mode."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from actionhero import ChannelRefused, hookimpl
from actionhero_channels import Channel
from actionhero_redis.testing import redis_server  # noqa: F401 - a fixture

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from actionhero_channels import Subscription


class News(Channel):
    """Without history and presence."""

    name = "news"

    async def presence_key(self, subscription: Subscription) -> str | None:
        return None


class Room(Channel):
    """With a short history."""

    name = "room:{id}"
    history = 5

    async def presence_key(self, subscription: Subscription) -> str | None:
        return None


class Club(Channel):
    """With authorization and presence."""

    name = "club"

    async def authorize(self, subscription: Subscription) -> None:
        if "userId" not in subscription.session:
            raise ChannelRefused("Authentication required to join this channel")

    async def presence_key(self, subscription: Subscription) -> str | None:
        return str(subscription.session["userId"])


class Long(Channel):
    """With a long history."""

    name = "long"
    history = 100_000

    async def presence_key(self, subscription: Subscription) -> str | None:
        return None


class Application:
    """A plugin with the sample channels."""

    @hookimpl
    def actionhero_channels(self) -> Sequence[type[Channel]]:
        return [News, Room, Club, Long]


@pytest.fixture
def application() -> Application:
    return Application()


@pytest.fixture
def folder() -> Iterator[Path]:
    # A private server may write a file while its folder is removed.
    with tempfile.TemporaryDirectory(prefix="ah-", ignore_cleanup_errors=True) as name:
        yield Path(name)


@pytest.fixture(params=["server", "embedded", "memory"])
def environ(request: pytest.FixtureRequest) -> dict[str, str]:
    """Return the environment variables of an application, for each Redis mode."""
    server = request.getfixturevalue("redis_server") if request.param != "memory" else None
    if request.param == "server" and server is not None:
        return {"REDIS_URL": server.url}
    if request.param == "embedded":
        program = shutil.which("redis-server") or shutil.which("valkey-server") or ""
        return {"ACTIONHERO_REDIS__MODE": "embedded", "ACTIONHERO_REDIS__PROGRAM": program}
    return {"ACTIONHERO_REDIS__MODE": "memory"}
