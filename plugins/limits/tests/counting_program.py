"""A process that makes limited calls one after the other: `counting_program.py RATE CALLS`.

It prints a line after each tenth of its calls, and the number of accepted calls at the end. A call
that the store could not decide is made again.
"""

from __future__ import annotations

import asyncio
import os
import sys

from actionhero import Action, RateLimited, ServiceUnavailable, TypedError
from actionhero.testing import running_app
from actionhero_limits import Limit, LimitsSettings
from actionhero_limits import plugin as limits_plugin
from actionhero_redis import plugin as redis_plugin

RATE, CALLS = sys.argv[1], int(sys.argv[2])


class Search(Action):
    """Find pages."""

    name = "search"
    limit = Limit(RATE, by="all")

    async def run(self) -> str:
        return "found"


async def main() -> None:
    accepted = 0
    settings = LimitsSettings(enabled=True, on_failure="refuse")
    plugins = (redis_plugin, limits_plugin, Search)
    async with running_app(*plugins, settings=[settings], environ=os.environ) as app:
        client = app.connect()
        for number in range(CALLS):
            error: TypedError | None = ServiceUnavailable("not called")
            while isinstance(error, ServiceUnavailable):
                error = (await client.outcome("search")).error
                # Others may run while this one is refused.
                await asyncio.sleep(0)
            accepted += error is None
            if error is not None and not isinstance(error, RateLimited):
                raise error
            if number % (CALLS // 10) == 0:
                print(number, flush=True)
    print("accepted", accepted, flush=True)


asyncio.run(main())
