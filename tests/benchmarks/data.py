"""CPU time per request with a database and a session, compared with hand-written handlers.

Both serve one PostgreSQL and one Redis, which are thrown away. As over HTTP, the measure is the
CPU time of the server process, in rounds in which one is loaded right after the other.
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

_OURS: Final = ["-m", "actionhero", "start", "--port", "{port}"]
_BY_HAND: Final = ["-m", "tests.benchmarks.peers.chat_by_hand", "{port}"]
_OPEN: Final = cases.status_with_session("X-Nobody: yes")
_ADA: Final = {"name": "Ada", "email": "ada@example.com", "password": "correct horse"}


def measure(keys: Iterable[str], *, quick: bool) -> dict[str, Reading]:
    """Return the requested figures: `data.list`, `data.session`; each is ours over hand-written."""
    keys = set(keys)
    rounds = QUICK_ROUNDS if quick else ROUNDS
    readings: dict[str, Reading] = {}
    with ExitStack() as stack:
        postgres = stack.enter_context(throw_away_postgres())
        store = stack.enter_context(throw_away_redis())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        variables = {"DATABASE_URL": postgres.new_database(), "REDIS_URL": store.url}
        own = variables | {
            "ACTIONHERO_APP__SECRET_KEY": "not a secret, but long enough to be taken for one",
            "ACTIONHERO_DB__AUTO_MIGRATE": "true",
            "ACTIONHERO_LOGS__LEVEL": "warn",
            "ACTIONHERO_PLUGINS__ENABLED": "channels,chat,db,redis,sessions,web,websocket",
            "ACTIONHERO_SESSIONS__SECURE": "false",
        }
        ours = stack.enter_context(Server("ours", _OURS, first=_OPEN, variables=own, folder=folder))
        hand = stack.enter_context(
            Server("by hand", _BY_HAND, first=_OPEN, variables=variables, folder=folder)
        )
        cookie = _fill(ours)
        _copy_session(store.url, cookie)
        for case in (cases.list_messages(cookie), cases.status_with_session(cookie)):
            key = f"data.{case.name}"
            if key in keys:
                readings[key] = _compare(ours, hand, case, rounds)
    return readings


def _compare(ours: Server, hand: Server, case: Case, rounds: int) -> Reading:
    costs: dict[str, list[float]] = {"ours": [], "by hand": []}
    for server in (ours, hand):
        case.check(server.name, server.ask(case))
        load(server, case)  # warm up
    for number in range(rounds):
        for server in (ours, hand) if number % 2 else (hand, ours):
            costs[server.name].append(load(server, case))
    ratios = [a / b for a, b in zip(costs["ours"], costs["by hand"], strict=True)]
    own, theirs = median(costs["ours"]), median(costs["by hand"])
    return Reading(ratios, f"{own:.0f} µs over {theirs:.0f} µs")


def _fill(server: Server) -> str:
    """Sign up, sign in and write messages; return the line of the cookie."""
    _put(server, "user", _ADA)
    signed_in = _put(server, "session", _ADA)
    cookie = f"Cookie: __session={signed_in['session']['id']}"
    for number in range(2 * cases.ROWS):
        _put(server, "message", {"body": f"The {number}th message of some length"}, cookie)
    return cookie


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


def _copy_session(url: str, cookie: str) -> None:
    """Provide the session to the handlers written by hand too, as one JSON text."""
    import redis

    with redis.Redis.from_url(url) as client:
        client.set(f"by-hand:{cookie.partition('=')[2]}", json.dumps({"userId": 2}), ex=86400)
