"""The growth of costs: pages of long lists, users with many sessions, and waiting jobs.

The elapsed time is measured, as most of the cost is that of PostgreSQL and Redis. Tables of both
lengths are read in turn.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, Final

from tests.benchmarks import growth_of_jobs
from tests.benchmarks.figures import Reading, median

from actionhero.testing import running_app
from actionhero_db import CursorPage, Database, Page
from actionhero_db.testing import throw_away_postgres
from actionhero_redis import RedisClients
from actionhero_redis.testing import throw_away_redis
from actionhero_sessions import Sessions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

ROWS: Final = (1_000, 1_000_000)
SESSIONS: Final = 100_000
ROUNDS: Final = 9
#: How many pages are read in a round.
PAGES: Final = 50

_FILL: Final = """
INSERT INTO messages (body, user_id, created_at, updated_at)
SELECT 'The ' || n || 'th message of some length', 1, now(), now() FROM generate_series(1, {}) n
"""
_USER: Final = """
INSERT INTO users (name, email, password_hash, created_at, updated_at)
VALUES ('Ada', 'ada@example.com', '', now(), now())
"""


def measure(keys: Iterable[str], *, quick: bool) -> dict[str, Reading]:
    """Return the requested figures, such as `growth.cursor_page` and `growth.claim.redis`."""
    keys = set(keys)
    return asyncio.run(_measure(keys)) | growth_of_jobs.measure(keys)


async def _measure(keys: set[str]) -> dict[str, Reading]:
    readings: dict[str, Reading] = {}
    if keys & {"growth.cursor_page", "growth.page"}:
        with throw_away_postgres() as postgres:
            urls = [postgres.new_database() for _ in ROWS]
            readings |= await _measure_pages(urls)
    if "growth.sessions" in keys:
        with throw_away_redis() as store:
            readings["growth.sessions"] = await _measure_sessions(store.url)
    return {key: reading for key, reading in readings.items() if key in keys}


async def _measure_pages(urls: list[str]) -> dict[str, Reading]:
    import actionhero_chat.plugin
    import actionhero_db.plugin
    from actionhero_chat.models import Message
    from actionhero_chat.ops.messages import MessageWithAuthor

    def database(url: str) -> Any:
        environ = {"DATABASE_URL": url, "ACTIONHERO_DB__AUTO_MIGRATE": "true"}
        return running_app(_Models(actionhero_chat.plugin), actionhero_db.plugin, environ=environ)

    async def read(app: Any, inputs: Any) -> float:
        async with app.get(Database).activated():
            begun = time.perf_counter()
            for _ in range(PAGES):
                await inputs.fetch_rows(Message.all().order_by("-id"), MessageWithAuthor)
            return time.perf_counter() - begun

    async with database(urls[0]) as short, database(urls[1]) as long:
        for app, count in zip((short, long), ROWS, strict=True):
            connection = await app.get(Database).connection()
            await connection.execute_script(_USER)
            await connection.execute_script(_FILL.format(count))
            await connection.execute_script("VACUUM ANALYZE messages")
        readings = {}
        for key, inputs in (("cursor_page", CursorPage(limit=50)), ("page", Page(limit=50))):
            times: dict[Any, list[float]] = {short: [], long: []}
            for number in range(-1, ROUNDS):
                for app in (short, long) if number % 2 else (long, short):
                    seconds = await read(app, inputs)
                    if number >= 0:
                        times[app].append(seconds / PAGES * 1e6)
            ratios = [a / b for a, b in zip(times[long], times[short], strict=True)]
            note = f"{median(times[long]):.0f} µs over {median(times[short]):.0f} µs"
            readings[f"growth.{key}"] = Reading(ratios, note)
        return readings


async def _measure_sessions(url: str) -> Reading:
    import actionhero_redis.plugin
    import actionhero_sessions.plugin

    plugins = (actionhero_redis.plugin, actionhero_sessions.plugin)
    async with running_app(*plugins, environ={"REDIS_URL": url}) as app:
        sessions, clients = app.get(Sessions), app.get(RedisClients)
        records = sessions._records
        limit = asyncio.Semaphore(1000)

        async def add(number: int) -> None:
            async with limit:
                id = f"session-{number}"
                values = {sessions.user_key: b"1"}
                await records.write(id, values, created_ms=1, user=1)

        await asyncio.gather(*map(add, range(SESSIONS)))
        begun = time.perf_counter()
        count = await sessions.destroy_all(1)
        seconds = time.perf_counter() - begun
        remaining = await clients.client.dbsize()
    if (count, remaining) != (SESSIONS, 0):
        raise RuntimeError(f"{count} of {SESSIONS} sessions ended, {remaining} keys remain")
    return Reading([seconds], f"{seconds / SESSIONS * 1e6:.0f} µs a session")


class _Models:
    """The models of a plugin, without its actions.

    Args:
        plugin: The plugin.
    """

    def __init__(self, plugin: Any) -> None:
        self.actionhero_db_models: Callable[[], Any] = plugin.actionhero_db_models
