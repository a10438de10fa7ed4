"""Two servers that are killed at any moment: the repetitions of a call have one effect together."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import textwrap
import time
from collections import Counter, defaultdict
from typing import TYPE_CHECKING

import aiohttp
import pytest

from actionhero.testing import free_port
from actionhero_db.testing import postgres_server, postgres_url  # noqa: F401 - fixtures
from actionhero_redis.testing import redis_server  # noqa: F401 - a fixture

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from actionhero_redis.testing import ThrowAwayRedis

TIMEOUT_SECONDS = 300.0
#: How many calls are repeated at the same time, and how often each.
CONCURRENCY = 8
REPETITIONS = 5
#: The lease of claims, in milliseconds: that of 30 s would make the test long.
LEASE_MS = 1_500

MODELS = """
from tortoise import fields
from tortoise.models import Model


class Order(Model):
    id = fields.IntField(primary_key=True)
    code = fields.CharField(max_length=40)

    class Meta:
        table = "orders"
"""

ACTIONS = """
from __future__ import annotations

import os
import random
import signal

from actionhero import Action, Inputs
from actionhero_db import Transaction
from actionhero_db.after_commit import AfterCommitRunner
from actionhero_db.outbox.cleaner import RowCleaner
from actionhero_db.outbox.outbox import DatabaseOutbox
from actionhero_db.unit_of_work import UnitOfWork
from actionhero_limits import Idempotent
from actionhero_limits.idempotency import claims, idempotency
from shop.models import Order

RATE = float(os.environ["KILL_RATE"])
claims.LEASE_MS = int(os.environ["LEASE_MS"])
idempotency.RENEW_SECONDS = claims.LEASE_MS / 3000


def end(point):
    # At each point, some processes end.
    if random.random() < RATE:
        os.kill(os.getpid(), signal.SIGKILL)


def ending(class_, name):
    method = getattr(class_, name)

    async def wrapper(*arguments, **options):
        end(f"before {name}")
        result = await method(*arguments, **options)
        end(f"after {name}")
        return result

    setattr(class_, name, wrapper)


for class_, name in (
    (AfterCommitRunner, "run"),
    (DatabaseOutbox, "add"),
    (DatabaseOutbox, "deliver"),
    (RowCleaner, "_delete_rows"),
    (UnitOfWork, "end"),
    (claims.ClaimStore, "claim"),
    (claims.ClaimStore, "renew"),
    (claims.ClaimStore, "settle"),
    (claims.ClaimStore, "release"),
):
    ending(class_, name)


class OrderInputs(Inputs):
    code: str


class CreateOrder(Action):
    name = "order:create"
    web = "POST /orders"
    middleware = [Idempotent(required=True), Transaction()]

    async def run(self, inputs: OrderInputs) -> dict[str, int | str]:
        end("before insert")
        order = await Order.create(code=inputs.code)
        end("after insert")
        return {"id": order.id, "code": order.code}


class CreateFile(Action):
    name = "file:create"
    web = "POST /files"
    middleware = [Idempotent(required=True)]

    async def run(self, inputs: OrderInputs) -> dict[str, int | str]:
        end("before write")
        id = random.randrange(10**9)
        file = os.open("journal", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.write(file, f"{inputs.code} {id}\\n".encode())
        os.close(file)
        end("after write")
        return {"id": id, "code": inputs.code}


class Orders(Action):
    name = "order:list"
    web = "GET /orders"

    async def run(self) -> list[str]:
        return [order.code for order in await Order.all()]
"""


class Server:
    """A server that is started again whenever it is killed."""

    def __init__(self, folder: Path, environ: dict[str, str]) -> None:
        self.port = free_port()
        self.kills = 0
        self._folder = folder
        self._environ = environ
        self._process: subprocess.Popen[bytes] | None = None

    async def supervise(self) -> None:
        """Start the server again until this is cancelled."""
        try:
            while True:
                self._process = self._spawn()
                await asyncio.to_thread(self._process.wait)
                assert self._process.returncode == -signal.SIGKILL, self.log
                self.kills += 1
        finally:
            if self._process is not None:
                self._process.kill()
                self._process.wait()

    def kill(self) -> None:
        """Kill the server, if it runs."""
        if self._process is not None:
            self._process.kill()

    def _spawn(self) -> subprocess.Popen[bytes]:
        with (self._folder / "log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "actionhero", "start"],
                cwd=self._folder,
                env={
                    **os.environ,
                    "PYTHONPATH": str(self._folder),
                    "LEASE_MS": str(LEASE_MS),
                    "ACTIONHERO_APP__PACKAGE": "shop",
                    "ACTIONHERO_PLUGINS__ENABLED": "web,db,redis,limits",
                    "ACTIONHERO_WEB__PORT": str(self.port),
                    **self._environ,
                },
                stdout=log,
                stderr=log,
            )

    @property
    def log(self) -> str:
        return (self._folder / "log").read_text(encoding="utf-8", errors="replace")[-4000:]


class Clients:
    """Clients that repeat each call until they have its response."""

    def __init__(self, ports: list[int], path: str, on_response: Callable[[], None]) -> None:
        self._ports = ports
        self._path = path
        self._on_response = on_response
        #: The responses by code.
        self.responses: dict[str, list[bytes]] = defaultdict(list)
        self.statuses: Counter[int | str] = Counter()

    async def call(self, count: int) -> None:
        """Make calls, each of them several times at once."""
        codes = iter([f"{number}-{os.urandom(6).hex()}" for number in range(count)])

        async def client(session: aiohttp.ClientSession) -> None:
            for code in codes:
                await asyncio.gather(*(self._repeat(session, code) for _ in range(REPETITIONS)))

        async with aiohttp.ClientSession() as session:
            await asyncio.gather(*(client(session) for _ in range(CONCURRENCY)))

    async def _repeat(self, session: aiohttp.ClientSession, code: str) -> None:
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while time.monotonic() < deadline:
            url = f"http://127.0.0.1:{random.choice(self._ports)}/api/{self._path}"
            try:
                async with session.post(
                    url, json={"code": code}, headers={"Idempotency-Key": f'"{code}"'}
                ) as response:
                    body = await response.read()
            except (aiohttp.ClientError, OSError):
                self.statuses["disconnected"] += 1
                await asyncio.sleep(0.1)
                continue
            self.statuses[response.status] += 1
            self._on_response()
            if response.status == 200:
                self.responses[code].append(body)
                return
            assert response.status in {409, 503}, body
            await asyncio.sleep(random.uniform(0.02, 0.1))
        pytest.fail(f"{code} has no response")


async def run(
    folder: Path, environ: dict[str, str], path: str, count: int, rate: float
) -> tuple[Clients, int, list[str]]:
    """Repeat calls while servers are killed.

    Returns:
        The clients, the number of kills, and the codes of the orders.
    """
    package = folder / "shop"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "models.py").write_text(textwrap.dedent(MODELS), encoding="utf-8")
    (package / "actions.py").write_text(textwrap.dedent(ACTIONS), encoding="utf-8")
    servers = [Server(folder, {**environ, "KILL_RATE": str(rate)}) for _ in range(2)]
    tasks = [asyncio.create_task(server.supervise()) for server in servers]
    # In addition to those at the points in their code, so that there are some.
    kills = iter(range(0, count * REPETITIONS, count * REPETITIONS // max(2, count // 10)))
    next_kill = next(kills)

    def kill_some() -> None:
        nonlocal next_kill
        if clients.statuses[200] > next_kill:
            next_kill = next(kills, count * REPETITIONS)
            random.choice(servers).kill()

    clients = Clients([server.port for server in servers], path, kill_some)
    try:
        calls = asyncio.create_task(clients.call(count))
        tasks.insert(0, calls)
        await asyncio.wait(tasks, return_when="FIRST_COMPLETED")
        for task in tasks:
            if task.done():
                task.result()
        orders = await _orders(servers)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return clients, sum(server.kills for server in servers), orders


async def _orders(servers: list[Server]) -> list[str]:
    deadline = time.monotonic() + TIMEOUT_SECONDS
    async with aiohttp.ClientSession() as session:
        while time.monotonic() < deadline:
            url = f"http://127.0.0.1:{random.choice(servers).port}/api/orders"
            try:
                async with session.get(url) as response:
                    if response.status == 200:
                        orders: list[str] = await response.json()
                        return orders
            except (aiohttp.ClientError, OSError):
                pass
            await asyncio.sleep(0.05)
    raise AssertionError(servers[0].log)


COUNTS = [
    pytest.param(16, 0.001, id="16", marks=pytest.mark.timeout(300)),
    pytest.param(1000, 0.0005, id="1000", marks=[pytest.mark.soak, pytest.mark.timeout(3600)]),
]


@pytest.fixture(params=["sqlite", "postgresql"])
def environ(request: pytest.FixtureRequest, redis_server: ThrowAwayRedis) -> dict[str, str]:  # noqa: F811
    """The settings of Redis, and of one of the databases."""
    environ = {"REDIS_URL": redis_server.url}
    if request.param == "postgresql":
        environ["DATABASE_URL"] = request.getfixturevalue("postgres_url")
    return environ


@pytest.mark.parametrize(("count", "rate"), COUNTS)
async def test_a_call_in_a_transaction_has_one_effect_whenever_servers_are_killed(
    environ: dict[str, str], tmp_path: Path, count: int, rate: float
) -> None:
    """Each repetition gets the same response, byte for byte."""
    clients, kills, orders = await run(tmp_path, environ, "orders", count, rate)

    print(f"{count} keys, {kills} kills, {dict(clients.statuses)}")
    assert kills
    assert {code: number for code, number in Counter(orders).items() if number != 1} == {}
    assert len(orders) == len(clients.responses) == count
    assert {len(bodies) for bodies in clients.responses.values()} == {REPETITIONS}
    assert {len(set(bodies)) for bodies in clients.responses.values()} == {1}


@pytest.mark.parametrize(("count", "rate"), COUNTS)
async def test_a_call_without_a_transaction_is_repeated_only_after_a_kill(
    redis_server: ThrowAwayRedis,  # noqa: F811
    tmp_path: Path,
    count: int,
    rate: float,
) -> None:
    """Between its effect and its record, as the documentation says."""
    environ = {"REDIS_URL": redis_server.url}

    clients, kills, _ = await run(tmp_path, environ, "files", count, rate)

    lines = (tmp_path / "journal").read_text(encoding="utf-8").splitlines()
    effects: dict[str, set[int]] = defaultdict(set)
    for line in lines:
        code, id = line.split()
        effects[code].add(int(id))
    repeated = sum(len(ids) - 1 for ids in effects.values())
    print(f"{count} keys, {kills} kills, {repeated} repeated, {dict(clients.statuses)}")
    assert kills
    assert len(clients.responses) == count
    # A server has at most one call of each client.
    assert repeated <= kills * CONCURRENCY
    for code, bodies in clients.responses.items():
        assert {json.loads(body)["id"] for body in bodies} <= effects[code]
        assert len(set(bodies)) == 1 or len(effects[code]) > 1
