"""Fixtures of the tests of background jobs."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

import pytest

import actionhero_tasks.plugin
from actionhero import RunMode
from actionhero.testing import running_app
from actionhero_db.testing import postgres_server, postgres_url
from actionhero_tasks import TasksSettings
from actionhero_tasks.testing.rabbitmq import rabbitmq_server, shared_rabbitmq

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from actionhero.testing import RunningApp

__all__ = ["postgres_server", "postgres_url", "rabbitmq_server", "shared_rabbitmq"]


@pytest.fixture
def tasks_app(tmp_path: Path) -> Callable[..., Any]:
    """Return a function that runs an application with actions; all use one folder."""

    @contextlib.asynccontextmanager
    async def run(
        *parts: Any,
        mode: RunMode = RunMode.SERVER,
        plugins: tuple[Any, ...] = (),
        environ: dict[str, str] | None = None,
        **settings: Any,
    ) -> AsyncIterator[RunningApp]:
        async with running_app(
            actionhero_tasks.plugin,
            *plugins,
            *parts,
            settings=[TasksSettings(**settings)],
            mode=mode,
            environ=environ,
            folder=tmp_path,
        ) as app:
            yield app

    return run


@pytest.fixture
async def limit() -> AsyncIterator[None]:
    """Fail a test that waits for a job too long."""
    async with asyncio.timeout(60):
        yield
