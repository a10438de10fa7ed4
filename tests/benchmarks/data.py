"""CPU time per request with a database and a session: the chat, and the same work by others.

All serve one PostgreSQL and one Redis, which are thrown away. As over HTTP, the measure is the CPU
time of the server process, in rounds in which one is loaded right after the other.
"""

from __future__ import annotations

import json
import tempfile
import urllib.request
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tests.benchmarks import cases
from tests.benchmarks.figures import Reading, median
from tests.benchmarks.over_http import QUICK_ROUNDS, ROUNDS, load
from tests.benchmarks.server import Server

from actionhero_db.testing import throw_away_postgres
from actionhero_redis.testing import throw_away_redis

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.benchmarks.cases import Case

_UVICORN: Final = [
    "-m", "uvicorn", "{module}:app", "--port", "{port}", "--no-access-log",
    "--log-level", "warning", "--loop", "uvloop", "--http", "httptools",
]  # fmt: skip
#: How each program is started.
_COMMANDS: Final = {
    "ours": ["-m", "actionhero", "start", "--port", "{port}"],
    "FastAPI": [part.replace("{module}", "tests.benchmarks.peers.chat_fast") for part in _UVICORN],
    "Litestar": [
        part.replace("{module}", "tests.benchmarks.peers.chat_litestar") for part in _UVICORN
    ],
    "by hand": ["-m", "tests.benchmarks.peers.chat_by_hand", "{port}"],
    "drivers": ["-m", "tests.benchmarks.peers.chat_drivers", "{port}"],
}
_PLUGINS: Final = "auth,channels,chat,db,openapi,redis,sessions,tasks,web,websocket"
_OPEN: Final = cases.status_with_session("X-Nobody: yes")
_ADA: Final = {"name": "Ada", "email": "ada@example.com", "password": "correct horse"}


def measure(keys: Iterable[str], *, quick: bool) -> dict[str, Reading]:
    """Return the requested figures, such as `data.list.FastAPI`: the cost of that one over ours."""
    keys = set(keys)
    rounds = QUICK_ROUNDS if quick else ROUNDS
    readings: dict[str, Reading] = {}
    with ExitStack() as stack:
        postgres = stack.enter_context(throw_away_postgres())
        store = stack.enter_context(throw_away_redis())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        variables = {"DATABASE_URL": postgres.new_database(), "REDIS_URL": store.url}
        own = {
            "ACTIONHERO_APP__SECRET_KEY": "not a secret, but long enough to be taken for one",
            "ACTIONHERO_DB__AUTO_MIGRATE": "true",
            "ACTIONHERO_LOGS__LEVEL": "warn",
            "ACTIONHERO_PLUGINS__ENABLED": _PLUGINS,
            "ACTIONHERO_SESSIONS__SECURE": "false",
        }
        servers: dict[str, Server] = {}
        for name, command in _COMMANDS.items():
            # Ours is the first, as it creates the tables.
            environ = variables | own if name == "ours" else variables
            server = Server(name, command, first=_OPEN, variables=environ, folder=folder)
            servers[name] = stack.enter_context(server)
        user, cookie = _fill(servers["ours"])
        _copy_session(store.url, cookie, user)
        # The last one makes the list longer.
        for case in (
            cases.status_with_session(cookie),
            cases.list_messages(cookie),
            cases.create_message(cookie),
        ):
            peers = [name for name in servers if f"data.{case.name}.{name}" in keys]
            if peers:
                selected = [servers[name] for name in ("ours", *peers)]
                for name, reading in _compare(selected, case, rounds).items():
                    readings[f"data.{case.name}.{name}"] = reading
    return readings


def _compare(servers: list[Server], case: Case, rounds: int) -> dict[str, Reading]:
    """Return the cost of each server but the first, over that of the first."""
    costs: dict[str, list[float]] = {server.name: [] for server in servers}
    for server in servers:
        case.check(server.name, server.ask(case))
        load(server, case)  # warm up
    for number in range(rounds):
        first = number % len(servers)
        for server in servers[first:] + servers[:first]:
            costs[server.name].append(load(server, case))
    own = costs.pop(servers[0].name)
    return {
        name: Reading(
            [a / b for a, b in zip(others, own, strict=True)],
            f"{median(others):.0f} µs over {median(own):.0f} µs",
        )
        for name, others in costs.items()
    }


def _fill(server: Server) -> tuple[int, str]:
    """Sign up, sign in and write messages; return the user's id, and the line of the cookie."""
    _put(server, "user", _ADA)
    signed_in = _put(server, "session", _ADA)
    cookie = f"Cookie: __session={signed_in['session']['id']}"
    for number in range(2 * cases.ROWS):
        _put(server, "message", {"body": f"The {number}th message of some length"}, cookie)
    return signed_in["user"]["id"], cookie


def _put(server: Server, path: str, value: Any, cookie: str = "Cookie: none=1") -> Any:
    name, _, content = cookie.partition(": ")
    request = urllib.request.Request(
        f"http://127.0.0.1:{server.port}/api/{path}",
        json.dumps(value).encode(),
        {"Content-Type": "application/json", name: content},
        method="PUT",
    )
    with urllib.request.urlopen(request, timeout=10) as response:
        return json.load(response)


def _copy_session(url: str, cookie: str, user: int) -> None:
    """Provide the session to the other programs too, as one JSON text."""
    import redis

    with redis.Redis.from_url(url) as client:
        client.set(f"by-hand:{cookie.partition('=')[2]}", json.dumps({"userId": user}), ex=86400)
