"""CPU time per request of whole server processes, loaded by wrk over the loopback.

The server has one core, wrk the other. Rates say little on a machine that others use too, so the
measure is the CPU time of the server, which waiting does not add to. In each round every peer is
loaded for a moment, one right after the other; a figure is the ratio within a round.
"""

from __future__ import annotations

import re
import subprocess
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.benchmarks.cases import CASES
from tests.benchmarks.figures import Reading, median
from tests.benchmarks.program import CLIENT_CORE
from tests.benchmarks.server import COMMANDS, Server

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.benchmarks.cases import Case

ROUNDS: Final = 7
QUICK_ROUNDS: Final = 5
SECONDS: Final = 1
CONNECTIONS: Final = 32

_SCRIPT: Final = Path(__file__).with_name("post.lua")


def measure(keys: Iterable[str], *, quick: bool) -> dict[str, Reading]:
    """Return the requested figures: `over_http.W1` against FastAPI, `over_http.W1.tuned`."""
    keys = set(keys)
    rounds = QUICK_ROUNDS if quick else ROUNDS
    readings: dict[str, Reading] = {}
    with ExitStack() as stack:
        servers = [stack.enter_context(Server(name)) for name in COMMANDS]
        for server in servers:
            for case in CASES:
                case.check(server.name, server.ask(case))
                load(server, case)  # warm up
        for case in CASES:
            peers = {f"over_http.{case.name}": "FastAPI", f"over_http.{case.name}.tuned": "tuned"}
            peers = {key: peer for key, peer in peers.items() if key in keys}
            selected = [s for s in servers if s.name in {"ours", *peers.values()}]
            costs: dict[str, list[float]] = {server.name: [] for server in selected}
            for number in range(rounds if peers else 0):
                first = number % len(selected)
                for server in selected[first:] + selected[:first]:
                    costs[server.name].append(load(server, case))
            for key, peer in peers.items():
                ratios = [a / b for a, b in zip(costs[peer], costs["ours"], strict=True)]
                theirs, own = median(costs[peer]), median(costs["ours"])
                readings[key] = Reading(ratios, f"{theirs:.0f} µs over {own:.0f} µs")
    return readings


def load(server: Server, case: Case, connections: int = CONNECTIONS) -> float:
    """Load a server, and return the microseconds of CPU time that each request took."""
    command = [
        "taskset", "-c", CLIENT_CORE,
        "wrk", "-t1", f"-c{connections}", f"-d{SECONDS}s",
        *(["-s", str(_SCRIPT)] if case.body else []),
        *(part for line in case.headers for part in ("-H", line)),
        f"http://127.0.0.1:{server.port}{case.target}",
        *(["--", case.method, case.body] if case.body else []),
    ]  # fmt: skip
    before = server.cpu_seconds()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    spent = server.cpu_seconds() - before
    summary = re.search(r"(\d+) requests in", done.stdout)
    refused = re.search(r"Non-2xx or 3xx responses: (\d+)", done.stdout)
    count = int(summary[1]) if summary else 0
    expected = 0 if case.status == 200 else count
    wrong = "Socket errors" in done.stdout or (int(refused[1]) if refused else 0) != expected
    if not count or wrong:
        raise RuntimeError(f"{server.name}, {case.name}: wrk says {done.stdout}{done.stderr}")
    return spent / count * 1e6
