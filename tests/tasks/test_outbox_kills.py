"""Servers that are killed at any moment: each committed row has its job, and no other row has."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import textwrap
import time
from collections import defaultdict
from typing import TYPE_CHECKING, Any

import aiohttp
import asyncpg  # type: ignore[import-untyped]
import pytest

from actionhero.testing import free_port
from actionhero_db.testing import postgres_server, postgres_url  # noqa: F401 - fixtures
from actionhero_redis.testing import throw_away_redis

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

TIMEOUT_SECONDS = 120.0
CLIENTS = 8

MODELS = """
from tortoise import fields
from tortoise.models import Model


class Order(Model):
    id = fields.CharField(max_length=40, primary_key=True)

    class Meta:
        table = "orders"
"""

ACTIONS = """
from __future__ import annotations

import asyncio
import os
import random
import signal

from actionhero import Action, Call, Conflict, Inputs
from actionhero_db import Transaction
from actionhero_db.after_commit import AfterCommitRunner
from actionhero_db.outbox.cleaner import RowCleaner
from actionhero_db.outbox.delivery import Delivery
from actionhero_db.outbox.outbox import DatabaseOutbox
from actionhero_tasks import Tasks
from actionhero_tasks.stores.postgres.store import PostgresStore
from shop.models import Order

RATE = float(os.environ["KILL_RATE"])


def end(point):
    # At each point, some processes end.
    if random.random() < RATE:
        os.kill(os.getpid(), signal.SIGKILL)


def ending(method, point):
    async def wrapper(*arguments, **options):
        end(f"before {point}")
        result = await method(*arguments, **options)
        end(f"after {point}")
        return result

    return wrapper


AfterCommitRunner.run = ending(AfterCommitRunner.run, "callbacks")
DatabaseOutbox.add = ending(DatabaseOutbox.add, "write")
DatabaseOutbox.deliver = ending(DatabaseOutbox.deliver, "delivery")
Delivery.deliver = ending(Delivery.deliver, "send")
PostgresStore.add_in_transaction = ending(PostgresStore.add_in_transaction, "write")
RowCleaner._delete_rows = ending(RowCleaner._delete_rows, "delete")


class OrderInputs(Inputs):
    id: str
    fail: bool = False


class CreateOrder(Action):
    name = "order:create"
    web = "POST /orders"
    middleware = [Transaction()]

    async def run(self, inputs: OrderInputs, call: Call) -> str:
        await Order.create(id=inputs.id)
        tasks = call.get(Tasks)
        send = tasks.broker.get_actor("order:ship").send
        match random.randrange(3):
            case 0:
                id = await tasks.enqueue(Ship, {"id": inputs.id})
            case 1:
                id = send(id=inputs.id).message_id
            case _:
                id = (await asyncio.to_thread(send, id=inputs.id)).message_id
        if inputs.fail:
            raise Conflict("rolled back")
        return id


class Ship(Action):
    name = "order:ship"

    async def run(self, inputs: OrderInputs, call: Call) -> None:
        end("before job")
        file = os.open("journal", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.write(file, f"{inputs.id} {call.connection.id}\\n".encode())
        os.close(file)
        end("after job")
"""


class Shop:
    """A server that is killed and started again, and its clients."""

    def __init__(self, folder: Path, environ: dict[str, str]) -> None:
        self.folder = folder
        self.environ = environ
        self.port = free_port()
        self.kills = 0
        #: The ids of the jobs of orders whose clients got a response.
        self.answered: dict[str, str] = {}
        self._process: subprocess.Popen[bytes] | None = None
        package = folder / "shop"
        package.mkdir()
        (package / "__init__.py").touch()
        (package / "models.py").write_text(textwrap.dedent(MODELS), encoding="utf-8")
        (package / "actions.py").write_text(textwrap.dedent(ACTIONS), encoding="utf-8")

    async def start(self, rate: float) -> None:
        """Start the server, and wait until it listens; it may be killed before."""
        process = self._process = self._spawn(rate)
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while process.poll() is None:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", self.port)
            except OSError:
                assert time.monotonic() < deadline, self.log
                await asyncio.sleep(0.02)
            else:
                writer.close()
                await writer.wait_closed()
                return
        await self.end()

    def _spawn(self, rate: float) -> subprocess.Popen[bytes]:
        with (self.folder / "log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "actionhero", "start"],
                cwd=self.folder,
                env=self._environ(rate),
                stdout=log,
                stderr=log,
            )

    def _environ(self, rate: float) -> dict[str, str]:
        plugins = "web,db,tasks" + (",redis" if "REDIS_URL" in self.environ else "")
        return {
            **os.environ,
            "PYTHONPATH": str(self.folder),
            "KILL_RATE": str(rate),
            "ACTIONHERO_APP__PACKAGE": "shop",
            "ACTIONHERO_PLUGINS__ENABLED": plugins,
            "ACTIONHERO_TASKS__RUN_IN_SERVER": "true",
            "ACTIONHERO_WEB__PORT": str(self.port),
            **self.environ,
        }

    async def end(self, number: int = signal.SIGKILL) -> None:
        """Wait until the server has ended, after a signal if it runs."""
        process = self._process
        assert process is not None
        if process.poll() is None:
            process.send_signal(number)
        assert await asyncio.to_thread(process.wait, TIMEOUT_SECONDS) in {-number, -9, 0}, self.log

    async def run_until_killed(self, seconds: float) -> None:
        """Send requests until the server kills itself, or kill it after a time."""
        process = self._process
        assert process is not None
        if process.poll() is None:
            async with aiohttp.ClientSession() as session:
                clients = [asyncio.create_task(self._order(session)) for _ in range(CLIENTS)]
                ended = asyncio.create_task(asyncio.to_thread(process.wait))
                await asyncio.wait({ended}, timeout=seconds)
                await self.end()
                await asyncio.gather(*clients, ended)
        self.kills += 1

    async def _order(self, session: aiohttp.ClientSession) -> None:
        """Send requests until the server is gone; some clients leave early, some calls fail."""
        url = f"http://127.0.0.1:{self.port}/api/orders"
        while True:
            id = f"{'fails' if (fails := random.random() < 0.2) else 'order'}-{os.urandom(8).hex()}"
            patience = random.uniform(0.002, 0.03) if random.random() < 0.3 else TIMEOUT_SECONDS
            try:
                async with asyncio.timeout(patience):
                    async with session.post(url, json={"id": id, "fail": fails}) as response:
                        if response.status == 200:
                            self.answered[id] = await response.json()
            except TimeoutError:
                continue
            except (aiohttp.ClientError, OSError, json.JSONDecodeError):
                if self._process is None or self._process.poll() is not None:
                    return
                await asyncio.sleep(0.005)

    def jobs(self) -> dict[str, set[str]]:
        """Return the ids of the jobs that ran, by order."""
        jobs: dict[str, set[str]] = defaultdict(set)
        for line in (self.folder / "journal").read_text(encoding="utf-8").splitlines():
            order, id = line.split()
            jobs[order].add(id)
        return jobs

    async def dead_letters(self) -> list[dict[str, Any]]:
        """Return the jobs that are not tried again."""
        output = await self.command("tasks", "dead", "--format", "json")
        letters: list[dict[str, Any]] = json.loads(output)
        return letters

    async def command(self, *arguments: str) -> bytes:
        """Run a command beside the server, and return its output."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "actionhero", *arguments),
            cwd=self.folder,
            env=self._environ(rate=0.0),
            stdout=subprocess.PIPE,
        )
        output, _ = await process.communicate()
        assert process.returncode == 0, arguments
        return output

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text(encoding="utf-8", errors="replace")[-4000:]

    async def rows(self, table: str) -> list[str]:
        """Return the ids of a table."""
        connection: Any
        if "DATABASE_URL" in self.environ:
            connection = await asyncpg.connect(self.environ["DATABASE_URL"])
            try:
                return [row["id"] for row in await connection.fetch(f"SELECT id FROM {table}")]
            finally:
                await connection.close()
        [path] = self.folder.glob(".actionhero/*.sqlite3")
        connection = sqlite3.connect(path, timeout=10)
        try:
            return [row[0] for row in connection.execute(f"SELECT id FROM {table}")]
        finally:
            connection.close()


@pytest.fixture(
    params=["sqlite and the embedded store", "postgresql and redis", "postgresql alone"]
)
async def shop(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Shop]:
    if request.param != "postgresql and redis":
        environ = {}
        if request.param == "postgresql alone":
            # Its store adds the jobs over the connection of the transaction.
            environ = {"DATABASE_URL": request.getfixturevalue("postgres_url")}
        shop = Shop(tmp_path, environ)
        yield shop
        await shop.end()
        return
    with throw_away_redis(options=["--appendfsync", "always"]) as redis:
        url = request.getfixturevalue("postgres_url")
        shop = Shop(tmp_path, {"DATABASE_URL": url, "REDIS_URL": redis.url})
        yield shop
        await shop.end()


@pytest.mark.parametrize(
    "kills",
    [
        pytest.param(5, id="5", marks=pytest.mark.timeout(300)),
        pytest.param(200, id="200", marks=[pytest.mark.soak, pytest.mark.timeout(3600)]),
    ],
)
async def test_each_committed_row_has_one_job_whenever_servers_are_killed(
    shop: Shop, kills: int
) -> None:
    """Between write, commit, send and acknowledgement, with clients that leave and that fail.

    Jobs are enqueued by `Tasks.enqueue`, and sent as messages of dramatiq, also in threads.
    """
    while shop.kills < kills:
        await shop.start(rate=0.002)
        await shop.run_until_killed(random.uniform(0.2, 1.5))
    await shop.start(rate=0.0)
    deadline = time.monotonic() + TIMEOUT_SECONDS
    # Read again each time: the database may still commit for a server that was killed.
    while missing := set(await shop.rows("orders")) - set(shop.jobs()):
        assert time.monotonic() < deadline, (missing, shop.log)
        # Not lost either: a job that was running during three crashes waits for `retry`.
        letters = [it for it in await shop.dead_letters() if it["inputs"]["id"] in missing]
        assert {letter["type"] for letter in letters} <= {"WORKER_LOST"}
        if letters:
            await shop.command("tasks", "retry", *(letter["id"] for letter in letters))
        await asyncio.sleep(0.1)
    while await shop.rows("actionhero_outbox"):
        assert time.monotonic() < deadline, shop.log
        await asyncio.sleep(0.1)
    jobs, orders = shop.jobs(), set(await shop.rows("orders"))

    assert len(orders) > kills
    assert not [order for order in orders if order.startswith("fails")]
    assert set(jobs) == orders
    assert {order: ids for order, ids in jobs.items() if len(ids) != 1} == {}
    assert {order: {id} for order, id in shop.answered.items()}.items() <= jobs.items()
    print(f"{shop.kills} kills, {len(orders)} orders, {len(shop.answered)} responses")
