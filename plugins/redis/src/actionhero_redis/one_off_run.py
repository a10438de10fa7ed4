"""`run_with_redis`: a coroutine of a command, with Redis and without starting the application."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from actionhero import ServiceUnavailable, UnavailableError
from actionhero.transport import run_interruptible
from actionhero_redis.clients import clients_for
from actionhero_redis.errors import is_transient
from actionhero_redis.store import select_store

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from actionhero import Application
    from actionhero_redis.clients import RedisClients

Result = TypeVar("Result")


def run_with_redis(
    app: Application, function: Callable[[RedisClients], Awaitable[Result]], subject: str
) -> Result:
    """Call `function` with the clients of Redis, on an event loop of its own.

    Args:
        app: The application, which is not started.
        function: A coroutine function.
        subject: What it reads, for the error, such as `the grants`.

    Raises:
        UnavailableError: Redis is unreachable, or the data is in the memory of a server.
    """

    async def run() -> Result:
        clients = clients_for(app, select_store(app))
        try:
            return await function(clients)
        finally:
            await clients.stop()

    try:
        return run_interruptible(run())
    except ServiceUnavailable as error:
        raise UnavailableError(error.message) from error
    except Exception as error:
        if not is_transient(error):
            raise
        raise UnavailableError(f"{subject} cannot be read: {error}") from error
