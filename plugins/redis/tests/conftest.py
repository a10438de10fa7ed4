"""Fixtures of the Redis tests: throw-away servers, and an environment for each store."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from actionhero_redis.testing import redis_cluster, redis_server  # noqa: F401 - fixtures

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder whose path is short enough for a Unix socket in it."""
    # A private server may write a file while its folder is removed.
    with tempfile.TemporaryDirectory(prefix="ah-", ignore_cleanup_errors=True) as name:
        yield Path(name)


@pytest.fixture(params=["server", "embedded", "memory"])
def environ(request: pytest.FixtureRequest, program: object) -> dict[str, str]:
    """The environment variables of an application, for each kind of store."""
    if request.param == "server":
        return {"REDIS_URL": request.getfixturevalue("redis_server").url}
    if request.param == "embedded":
        assert callable(program)
        program("redis-server")
    return {"ACTIONHERO_REDIS__MODE": request.param}
