"""How all servers come to an end together, inside one grace time."""

from __future__ import annotations

import asyncio
import logging
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from actionhero.server import Server

logger = logging.getLogger("actionhero.drain")

#: How long closing what is left may take, after the grace time. With the default grace time of
#: 20 s all ends within 25 s, so that a platform that kills after 30 s never has to.
CLOSE_SECONDS = 4.0


#: What failed, and how.
Failure = tuple[str, Exception]


class DrainState(StrEnum):
    """Where a process is on its way down; it only ever goes forward."""

    RUNNING = "running"
    DRAINING = "draining"
    CLOSING = "closing"
    STOPPED = "stopped"


def _name(server: Server) -> str:
    return f"server {server.name!r}"


class Drain:
    """The one state machine for the end of all servers.

    not ready → stop accepting → open calls finish, up to the grace time → close.

    Args:
        name_of: Returns how failures name a server.
    """

    def __init__(self, name_of: Callable[[Server], str] = _name) -> None:
        self._name_of = name_of
        self.state = DrainState.RUNNING

    @property
    def ready(self) -> bool:
        """Whether new work is welcome; `/readyz` tells it."""
        return self.state is DrainState.RUNNING

    async def run(self, servers: Sequence[Server], grace_seconds: float) -> list[Failure]:
        """Bring all `servers` to their end.

        Args:
            servers: Those that have started.
            grace_seconds: How long open calls may go on before they are cancelled.

        Returns:
            What went wrong on the way, and with which server; every step is taken all the same.
        """
        if self.state is not DrainState.RUNNING:
            return []
        # Before anything else: a balancer that asks now must look for somebody else.
        self.state = DrainState.DRAINING
        failures: list[Failure] = []
        for server in servers:
            try:
                await server.stop_accepting()
            except Exception as error:  # noqa: BLE001 - one server must not keep another open
                failures.append((self._name_of(server), error))
        if servers:
            failures += await self._finish(servers, grace_seconds)
        self.state = DrainState.CLOSING
        for server in reversed(servers):
            try:
                async with asyncio.timeout(CLOSE_SECONDS):
                    await server.close()
            except Exception as error:  # noqa: BLE001
                failures.append((self._name_of(server), error))
        self.state = DrainState.STOPPED
        return failures

    async def _finish(self, servers: Sequence[Server], grace_seconds: float) -> list[Failure]:
        tasks = {asyncio.create_task(server.finish()): server for server in servers}
        _, late = await asyncio.wait(tasks, timeout=grace_seconds)
        for task in late:
            logger.warning(
                "server %r still has open calls after %.1f s; they are cancelled",
                tasks[task].name,
                grace_seconds,
            )
            task.cancel()
        if late:
            # One that does not heed it must not keep the process alive.
            await asyncio.wait(late, timeout=CLOSE_SECONDS)
        return [
            (self._name_of(server), error)
            for task, server in tasks.items()
            if task.done()
            and not task.cancelled()
            and isinstance(error := task.exception(), Exception)
        ]
