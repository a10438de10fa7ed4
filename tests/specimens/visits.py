"""The application behind nginx: one action for each kind of request."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

from actionhero import Action, Inputs

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class Read(Action):
    """Return the process that responds."""

    name = "read"
    web = "GET /read"

    async def run(self) -> int:
        await asyncio.sleep(0.01)
        return os.getpid()


class WriteInputs(Inputs):
    """What to append."""

    id: str


class Write(Action):
    """Append an identifier to a file, so that a request that runs twice is visible."""

    name = "write"
    web = "POST /write"

    async def run(self, inputs: WriteInputs) -> str:
        await asyncio.sleep(0.01)
        descriptor = os.open(os.environ["WRITES"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(descriptor, f"{inputs.id}\n".encode())
        finally:
            os.close(descriptor)
        return inputs.id


class Ticks(Action):
    """Yield the time until the stream is stopped."""

    name = "ticks"
    web = "GET /ticks"

    async def run(self) -> AsyncIterator[float]:
        while True:
            yield asyncio.get_running_loop().time()
            await asyncio.sleep(0.2)
