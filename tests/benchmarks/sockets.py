"""WebSocket: CPU time per call of 50 sockets, and the rate of one broadcast to 1,000.

The client is `wsload.c`, compiled here: a client in Python would dominate the measurement. The
server has one core, the client the other. In each round every peer is loaded, one right after the
other.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import aiohttp
from tests.benchmarks import cases
from tests.benchmarks.figures import Reading, median
from tests.benchmarks.program import CLIENT_CORE
from tests.benchmarks.server import Server

from actionhero_redis.testing import throw_away_redis

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

ROUNDS: Final = 7
QUICK_ROUNDS: Final = 5
SECONDS: Final = 1
CALLERS: Final = 50
LISTENERS: Final = 1000
#: The number of idle sockets whose memory is averaged.
IDLE: Final = 2000
#: The number of open sockets of one process in a broadcast.
MANY: Final = 10_000

_SOURCE: Final = Path(__file__).with_name("wsload.c")
_CALL: Final = json.dumps(
    {
        "messageType": "action",
        "action": "user:create",
        "messageId": 7,
        "params": {"name": "Mario", "email": "mario@example.com", "password": "mushroom1"},
    }
)
_SUBSCRIBE: Final = '{"messageType":"subscribe","messageId":8,"channel":"news"}'
_PUBLISH: Final = json.dumps(
    {
        "messageType": "action",
        "action": "publish",
        "messageId": 9,
        "params": {"text": "hello to all subscribers"},
    }
)
_FAST: Final = [
    *("-m", "uvicorn", "tests.benchmarks.peers.sockets_fast:app", "--port", "{port}"),
    *("--no-access-log", "--log-level", "warning", "--loop", "uvloop", "--http", "httptools"),
]


def measure(keys: Iterable[str], *, quick: bool) -> dict[str, Reading]:
    """Return the requested figures, such as `sockets.calls` and `sockets.rate.FastAPI`."""
    keys = set(keys)
    readings: dict[str, Reading] = {}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        program = _compile(folder)
        store = stack.enter_context(throw_away_redis())
        ours = _ours(store.url)
        hand = Server("by hand", ["-m", "tests.benchmarks.peers.sockets_by_hand", "{port}"])
        fast = Server("FastAPI", _FAST)
        servers = [stack.enter_context(server) for server in (ours, hand, fast)]
        rounds = QUICK_ROUNDS if quick else ROUNDS
        calls = _take_turns(servers, rounds, program, "rr", CALLERS, _CALL)
        results = _take_turns(servers, rounds, program, "fan", LISTENERS, _SUBSCRIBE, _PUBLISH)
        for peer in ("by hand", "FastAPI"):
            theirs = [each["cpu_us"] for each in calls[peer]]
            own = [each["cpu_us"] for each in calls["ours"]]
            readings[f"sockets.calls.{peer}"] = Reading(
                [a / b for a, b in zip(theirs, own, strict=True)],
                f"{median(theirs):.0f} µs over {median(own):.0f} µs",
            )
            rates = [each["rate"] for each in results[peer]]
            own_rates = [each["rate"] for each in results["ours"]]
            readings[f"sockets.rate.{peer}"] = Reading(
                [b / a for a, b in zip(rates, own_rates, strict=True)],
                f"{median(own_rates):.0f} over {median(rates):.0f} messages a second",
            )
        readings["sockets.p99"] = Reading(
            [each["p99_ms"] / each["p50_ms"] for each in results["ours"]],
            f"p50 {median([each['p50_ms'] for each in results['ours']]):.1f} ms",
        )
        if "sockets.many" in keys:
            many = _load(ours, program, "fan", MANY, _SUBSCRIBE, _PUBLISH)
            note = f"until the last of {MANY} receives it"
            readings["sockets.many"] = Reading([many["max_ms"] / 1000], note)
        if "sockets.memory" in keys:
            readings["sockets.memory"] = _memory(ours)
        if "sockets.signed_in" in keys:
            with _ours(store.url, "sessions") as with_sessions:
                readings["sockets.signed_in"] = _signed_in(with_sessions, rounds, program)
    return {key: reading for key, reading in readings.items() if key in keys}


def _ours(redis_url: str, *plugins: str) -> Server:
    variables = {
        "ACTIONHERO_APP__PACKAGE": "tests.benchmarks.peers.sockets_ours",
        "ACTIONHERO_APP__SECRET_KEY": "not a secret, but long enough to be taken for one",
        "ACTIONHERO_PLUGINS__ENABLED": ",".join(
            ("channels", "redis", "web", "websocket", *plugins)
        ),
        "ACTIONHERO_WEBSOCKET__MESSAGES_PER_SECOND": "0",
        "REDIS_URL": redis_url,
    }
    command = ["-m", "actionhero", "start", "--port", "{port}"]
    first = cases.Case("ready", "ready", "GET", "/readyz")
    return Server("ours", command, first=first, variables=variables)


def _take_turns(
    servers: Sequence[Server], rounds: int, program: Path, mode: str, count: int, *messages: str
) -> dict[str, list[dict[str, Any]]]:
    results: dict[str, list[dict[str, Any]]] = {server.name: [] for server in servers}
    for server in servers:
        _load(server, program, mode, count, *messages)  # warm up
    for number in range(rounds):
        first = number % len(servers)
        for server in [*servers[first:], *servers[:first]]:
            results[server.name].append(_load(server, program, mode, count, *messages))
    return results


def _signed_in(server: Server, rounds: int, program: Path) -> Reading:
    """Return the CPU time of a call with a session over that of a call without."""
    head = server.ask(cases.Case("sign in", "sign in", "PUT", "/api/session"))
    match = re.search(rb"\r\nSet-Cookie: ([^;]+)", head)
    if match is None:
        raise RuntimeError(f"{server.name}, sign in: responded {head!r}")
    times: dict[str, list[float]] = {"": [], match[1].decode(): []}
    for _ in range(rounds + 1):
        for cookie, measured in times.items():
            result = _load(server, program, "rr", CALLERS, _CALL, cookie=cookie)
            measured.append(result["cpu_us"])
    # The first round warms up.
    anonymous, signed_in = (measured[1:] for measured in times.values())
    return Reading(
        [theirs / own for theirs, own in zip(signed_in, anonymous, strict=True)],
        f"{median(signed_in):.0f} µs over {median(anonymous):.0f} µs",
    )


def _load(
    server: Server, program: Path, mode: str, count: int, *messages: str, cookie: str = ""
) -> dict[str, Any]:
    before = server.cpu_seconds()
    done = subprocess.run(
        [
            *("taskset", "-c", CLIENT_CORE, str(program), mode, str(server.port), "/ws"),
            *(str(count), str(SECONDS), *messages),
        ],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | ({"WSLOAD_COOKIE": cookie} if cookie else {}),
    )
    if done.returncode:
        raise RuntimeError(f"{server.name}, {mode}: {done.stderr}")
    result: dict[str, Any] = json.loads(done.stdout)
    # Of a broadcast, it counts only the messages with hello.
    if mode == "rr" and '"response"' not in result["sample"]:
        raise RuntimeError(f"{server.name}, {mode}: responded {result['sample']}")
    result["cpu_us"] = (server.cpu_seconds() - before) / result["n"] * 1e6
    return result


def _memory(server: Server) -> Reading:
    """Return the memory of an idle socket with a subscription, in KiB."""

    async def open_all() -> float:
        before = server.memory_mib()[1]
        url = f"http://127.0.0.1:{server.port}/ws"
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as client:
            sockets = []
            for _ in range(IDLE):
                socket = await client.ws_connect(url)
                await socket.send_str(_SUBSCRIBE)
                sockets.append(socket)
            for socket in sockets:
                await socket.receive()
            after = server.memory_mib()[1]
            for socket in sockets:
                await socket.close()
        return (after - before) * 1024 / IDLE

    return Reading([asyncio.run(open_all())], f"RSS, of {IDLE} sockets")


def _compile(folder: Path) -> Path:
    program = folder / "wsload"
    subprocess.run(["cc", "-O2", "-o", str(program), str(_SOURCE)], check=True)
    return program
