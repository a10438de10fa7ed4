"""Applications with limits, and a clock that the test sets."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import pytest

from actionhero import RunMode
from actionhero.testing import running_app
from actionhero_limits import LimitsSettings
from actionhero_limits import plugin as limits_plugin
from actionhero_redis import plugin as redis_plugin
from actionhero_redis.testing import redis_server  # noqa: F401 - a fixture

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from actionhero.testing import RunningApp

MEMORY = {"ACTIONHERO_REDIS__MODE": "memory"}


@contextlib.asynccontextmanager
async def _limited_app(
    *plugins: Any,
    environ: Mapping[str, str] | None = None,
    mode: RunMode = RunMode.CLI,
    **settings: Any,
) -> AsyncIterator[RunningApp]:
    section = LimitsSettings(**{"enabled": True, **settings})
    async with running_app(
        redis_plugin,
        limits_plugin,
        *plugins,
        settings=[section],
        environ=MEMORY if environ is None else environ,
        mode=mode,
    ) as app:
        yield app


@pytest.fixture
def limited_app() -> Any:
    """Return a function that runs an application with limits."""
    return _limited_app


class Clock:
    """A clock in microseconds."""

    def __init__(self, now_us: float = 1e12) -> None:
        self.now_us = now_us

    def __call__(self) -> float:
        return self.now_us

    def advance(self, seconds: float) -> None:
        self.now_us += seconds * 1e6


@pytest.fixture
def clock() -> Clock:
    return Clock()
