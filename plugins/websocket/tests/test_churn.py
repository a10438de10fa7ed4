"""Clients that reconnect all the time lose nothing, repeat nothing, and learn of each gap."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections import defaultdict
from typing import TYPE_CHECKING, Any, NamedTuple

import aiohttp
import pytest

from actionhero_redis.testing import throw_away_redis
from actionhero_websocket.client import CallFailed, ConnectionLost, connect

if TYPE_CHECKING:
    from pathlib import Path

    from plugins.websocket.tests.conftest import ServerProcess, StartServer

    from actionhero_redis.testing import ThrowAwayRedis
    from actionhero_websocket.client import Client as SocketClient

SETTINGS = "[websocket]\nmessages_per_second = 0\n[logs]\nlevel = 'warn'\n"
#: Three with a long history, and one whose history is too short for some interruptions.
ROOMS = ("long:churn-1", "long:churn-2", "long:churn-3", "log:churn")
SENDERS = 16
BROADCASTS_PER_SECOND = 400
RECONNECTING_CLIENTS = 20
#: How long a client stays connected, and how long it then stays away.
INTERVAL_SECONDS = (0.05, 0.5)
#: The time limit of the last broadcasts.
DRAIN_SECONDS = 60
#: The last message of each room, after which a client is up to date.
LAST = "last"

seconds = pytest.mark.parametrize("seconds", [4, pytest.param(120, marks=pytest.mark.soak)])


class Findings(NamedTuple):
    """The broadcasts that one client has missed or received twice."""

    lost: list[str]
    doubled: list[str]


class Client:
    """A client of one room, over all its connections."""

    def __init__(self, http: aiohttp.ClientSession, urls: list[str], room: str) -> None:
        self._http = http
        self._urls = urls
        self.room = room
        #: The identifiers in the order of their arrival; `None` for a gap.
        self.received: list[str | None] = []
        #: The position of the first subscription.
        self.start: str | None = None
        self.last_id: str | None = None
        self.resumes = 0
        #: Whether it has received the last broadcast of its room.
        self.is_done = False

    @property
    def gaps(self) -> int:
        """The number of reported gaps."""
        return self.received.count(None)

    async def stay(self, seconds: float | None) -> None:
        """Connect, and resume; stay for a time, or until the last broadcast of the room."""
        with contextlib.suppress(TimeoutError, aiohttp.ClientError):
            async with (
                asyncio.timeout(seconds),
                self._http.ws_connect(random.choice(self._urls)) as socket,
            ):
                message = {"channel": self.room, "since": self.last_id, "messageId": 1}
                await socket.send_json({"messageType": "subscribe", **message})
                while not self.is_done:
                    reply = await socket.receive()
                    if reply.type is not aiohttp.WSMsgType.TEXT or "error" in reply.json():
                        return
                    self._handle(reply.json())

    def _handle(self, message: dict[str, Any]) -> None:
        if "gap" in message:
            self.received.append(None)
        elif "subscribed" in message:
            facts = message["subscribed"]
            self.resumes += self.last_id is not None
            if facts["gap"]:
                self.received.append(None)
            if self.last_id is None:
                self.start = self.last_id = facts["id"]
        else:
            self.last_id = message["message"]["id"]
            self.received.append(self.last_id)
            self.is_done = message["message"]["message"] == LAST

    def check(self, accepted: list[str]) -> Findings:
        """Compare with the accepted broadcasts of the room; those in a reported gap may miss."""
        lost, doubled = list[str](), list[str]()
        seen, is_after_gap = set[str](), False
        start = _key(self.start or "0-0")
        expected = iter(sorted((each for each in accepted if _key(each) > start), key=_key))
        following = next(expected, None)
        for id in self.received:
            if id is None:
                is_after_gap = True
                continue
            if id in seen:
                doubled.append(id)
            seen.add(id)
            while following is not None and _key(following) <= _key(id):
                if following != id and not is_after_gap:
                    lost.append(following)
                following = next(expected, None)
            is_after_gap = False
        if following is not None:
            lost += [following, *expected]
        return Findings(lost, doubled)


class Churn:
    """Senders, clients that stay, and clients that reconnect, for some seconds.

    Args:
        servers: The servers.
    """

    def __init__(self, servers: list[ServerProcess]) -> None:
        self._urls = [f"ws://127.0.0.1:{server.port}/api" for server in servers]
        #: The identifiers of the broadcasts that succeeded, by room.
        self.accepted: defaultdict[str, list[str]] = defaultdict(list)
        self.failed = 0
        self.clients: list[Client] = []
        self._is_ending = False

    async def run(self, seconds: float, redis: ThrowAwayRedis | None = None) -> None:
        """Run, with a restart of Redis in the middle; return when all clients are up to date."""
        async with aiohttp.ClientSession() as http:
            staying = [Client(http, [url], room) for url in self._urls for room in ROOMS]
            reconnecting = [
                Client(http, self._urls, ROOMS[number % len(ROOMS)])
                for number in range(RECONNECTING_CLIENTS)
            ]
            self.clients = staying + reconnecting
            tasks = [asyncio.create_task(_listen(each)) for each in staying]
            tasks += [asyncio.create_task(self._reconnect(each)) for each in reconnecting]
            async with asyncio.TaskGroup() as senders:
                for number in range(SENDERS):
                    senders.create_task(self._send(number, seconds))
                if redis is not None:
                    await asyncio.sleep(seconds / 2)
                    await asyncio.to_thread(redis.kill)
                    await asyncio.to_thread(redis.start)
            self._is_ending = True
            async with connect(self._urls[0]) as sender:
                for room in ROOMS:
                    while not await self._broadcast(sender, room, LAST):
                        pass
            _, late = await asyncio.wait(tasks, timeout=DRAIN_SECONDS)
            for task in late:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def findings(self) -> list[Findings]:
        """Return the findings of the clients that have missed or repeated a broadcast."""
        checks = [client.check(self.accepted[client.room]) for client in self.clients]
        return [findings for findings in checks if any(findings)]

    def report(self, seconds: float) -> str:
        """Return the figures of the run."""
        accepted = sum(map(len, self.accepted.values()))
        deliveries = sum(len(client.received) - client.gaps for client in self.clients)
        return (
            f"{accepted / seconds:.0f} broadcasts/s: {accepted} accepted, {self.failed} failed, "
            f"{deliveries} deliveries, {sum(each.resumes for each in self.clients)} resumes, "
            f"{sum(each.gaps for each in self.clients)} gaps"
        )

    async def _send(self, number: int, seconds: float) -> None:
        end = time.monotonic() + seconds
        async with connect(self._urls[number % len(self._urls)]) as client:
            due = time.monotonic()
            while due < end:
                await self._broadcast(client, random.choice(ROOMS))
                due += SENDERS / BROADCASTS_PER_SECOND
                await asyncio.sleep(max(0.0, due - time.monotonic()))

    async def _broadcast(self, client: SocketClient, room: str, message: str = "") -> bool:
        try:
            response = await client.call("broadcast", channel=room, message=message)
        except (CallFailed, ConnectionLost):
            # It may have been sent or not.
            self.failed += 1
            return False
        self.accepted[room].append(response["id"])
        return True

    async def _reconnect(self, client: Client) -> None:
        while not self._is_ending:
            await client.stay(random.uniform(*INTERVAL_SECONDS))
            await asyncio.sleep(random.uniform(*INTERVAL_SECONDS))
        await _listen(client)


@seconds
async def test_churn_with_two_servers_and_a_restart_of_redis(
    start_server: StartServer, tmp_path: Path, seconds: int
) -> None:
    """Redis has no persistence: all clients get a gap, those between two connections too."""
    with throw_away_redis(options=["--appendonly", "no"]) as redis:
        servers = []
        for name in ("one", "two"):
            folder = tmp_path / name
            folder.mkdir()
            environ = {"REDIS_URL": redis.url}
            servers.append(await asyncio.to_thread(start_server, SETTINGS, environ, folder=folder))
        churn = Churn(servers)

        await churn.run(seconds, redis)

        print(churn.report(seconds))
        assert churn.findings() == []
        assert [each.room for each in churn.clients if not each.gaps] == []


@seconds
async def test_churn_with_the_embedded_store(start_server: StartServer, seconds: int) -> None:
    """Gaps are reported only for the short history."""
    churn = Churn([await asyncio.to_thread(start_server, SETTINGS)])

    await churn.run(seconds)

    print(churn.report(seconds))
    assert churn.findings() == []
    assert {each.room for each in churn.clients if each.gaps} <= {ROOMS[-1]}


async def _listen(client: Client) -> None:
    while not client.is_done:
        await client.stay(None)
        await asyncio.sleep(INTERVAL_SECONDS[0])


def _key(id: str) -> tuple[int, ...]:
    return tuple(map(int, id.split("-")))
