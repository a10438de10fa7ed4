"""Agents: CPU time per call of a tool, memory, streams of notifications, and a start over stdio.

In each round every server is loaded, one right after the other, with 16 connections.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import subprocess
import sys
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Final

from tests.benchmarks import cases
from tests.benchmarks.figures import Reading, median
from tests.benchmarks.listening_agents import ListeningAgents
from tests.benchmarks.over_http import load
from tests.benchmarks.program import CLIENT_CORE, PEERS, environment
from tests.benchmarks.server import Server

from actionhero_redis.testing import throw_away_redis

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

ROUNDS: Final = 7
QUICK_ROUNDS: Final = 5
CONNECTIONS: Final = 16
#: The number of idle streams whose memory is averaged.
IDLE: Final = 500
#: How often all of them are notified.
CHANGES: Final = 5
#: Modules that a server for agents must not import.
FOREIGN: Final = ("mcp", "mcp_types", "starlette", "uvicorn", "cryptography")
#: How long a server is left alone before its memory is measured.
_IDLE_SECONDS: Final = 0.5
_ISSUER: Final = "https://issuer.example"
_KEY: Final = "not a secret, but long enough to be taken for one"
_UVICORN: Final = (
    *("--port", "{port}", "--no-access-log", "--log-level", "warning"),
    *("--loop", "uvloop", "--http", "httptools"),
)
#: How the other servers are started.
_PEERS: Final = {
    "bridged": ["-m", "tests.benchmarks.peers.agents_bridged", "{port}"],
    "sdk": ["-m", "uvicorn", "tests.benchmarks.peers.agents_sdk:app", *_UVICORN],
    "fastmcp": ["-m", "uvicorn", "tests.benchmarks.peers.agents_fastmcp:app", *_UVICORN],
}
_READY: Final = cases.Case("ready", "ready", "GET", "/readyz")


def measure(keys: Iterable[str], *, quick: bool) -> dict[str, Reading]:
    """Return the requested figures, such as `agents.sdk` and `agents.memory`."""
    keys = set(keys)
    rounds = QUICK_ROUNDS if quick else ROUNDS
    readings: dict[str, Reading] = {}
    if keys & {"agents.http", *(f"agents.{peer}" for peer in _PEERS)}:
        readings |= _calls(rounds)
    if "agents.token" in keys:
        readings["agents.token"] = _with_token(rounds)
    if "agents.memory" in keys:
        readings["agents.memory"] = _memory(rounds)
    if keys & {"agents.listen", "agents.notify"}:
        readings |= _streams()
    if "agents.stdio" in keys:
        readings["agents.stdio"] = _stdio(rounds)
    return {key: reading for key, reading in readings.items() if key in keys}


def _ours(plugins: str = "web,mcp", *, package: str = "agents_ours", **variables: str) -> Server:
    own = {
        "ACTIONHERO_APP__PACKAGE": f"tests.benchmarks.peers.{package}",
        "ACTIONHERO_APP__SECRET_KEY": _KEY,
        "ACTIONHERO_PLUGINS__ENABLED": plugins,
    }
    command = ["-m", "actionhero", "start", "--port", "{port}"]
    return Server("ours", command, first=_READY, variables={**own, **variables})


def _calls(rounds: int) -> dict[str, Reading]:
    """Return the CPU time of the other servers, and of a request over HTTP, over our own."""
    call, add = cases.call_tool(), cases.add_over_http()
    with ExitStack() as stack:
        ours = stack.enter_context(_ours())
        servers = {
            name: stack.enter_context(Server(name, command, first=call))
            for name, command in _PEERS.items()
        }
        loads = [("ours", ours, call), ("http", ours, add)]
        loads += [(name, server, call) for name, server in servers.items()]
        for _, server, case in loads:
            case.check(server.name, server.ask(case))
            load(server, case, CONNECTIONS)  # warm up
        costs: dict[str, list[float]] = {name: [] for name, _, _ in loads}
        for number in range(rounds):
            first = number % len(loads)
            for name, server, case in loads[first:] + loads[:first]:
                costs[name].append(load(server, case, CONNECTIONS))
    own = costs.pop("ours")
    return {
        f"agents.{name}": Reading(
            [a / b for a, b in zip(theirs, own, strict=True)],
            f"{median(theirs):.0f} µs over {median(own):.0f} µs",
        )
        for name, theirs in costs.items()
    }


def _with_token(rounds: int) -> Reading:
    """Return the CPU time of a call without a token over that of one with a token."""
    issuer = {
        "issuer": _ISSUER, "audience": ["bench"], "key": _KEY, "algorithms": ["HS256"],
    }  # fmt: skip
    variables = {
        "ACTIONHERO_AUTH__ISSUERS": json.dumps([issuer]),
        # No limit is reached, but the calls are counted.
        "ACTIONHERO_MCP__CALLS_PER_MINUTE": "1000000000",
    }
    anonymous, signed_in = (
        cases.call_tool(),
        cases.call_tool(f"Authorization: Bearer {_token()}"),
    )
    costs: dict[str, list[float]] = {"anonymous": [], "signed in": []}
    with _ours("web,mcp,auth", **variables) as server:
        for number in range(rounds + 1):
            for name, case in (("anonymous", anonymous), ("signed in", signed_in)):
                case.check(name, server.ask(case))
                cost = load(server, case, CONNECTIONS)
                # The first round warms up.
                if number:
                    costs[name].append(cost)
    own, theirs = costs["anonymous"], costs["signed in"]
    return Reading(
        [a / b for a, b in zip(own, theirs, strict=True)],
        f"{median(own):.0f} µs over {median(theirs):.0f} µs",
    )


def _token() -> str:
    """Return a valid token (JWT)."""

    def encode(data: bytes) -> str:
        return base64.urlsafe_b64encode(data).rstrip(b"=").decode()

    claims = {"iss": _ISSUER, "aud": "bench", "sub": "7", "exp": int(time.time()) + 3600}
    parts = [encode(json.dumps(part).encode()) for part in ({"alg": "HS256"}, claims)]
    text = ".".join(parts)
    return f"{text}.{encode(hmac.digest(_KEY.encode(), text.encode(), hashlib.sha256))}"


def _memory(rounds: int) -> Reading:
    """Return the memory of a server with tools, less that of one without, in MiB.

    Raises:
        RuntimeError: One of `FOREIGN` is imported for them.
    """
    memory: dict[str, list[float]] = {"web,mcp": [], "web": []}
    for number in range(rounds + 1):
        for plugins, values in memory.items():
            with _ours(plugins) as server:
                if plugins == "web,mcp":
                    server.ask(cases.call_tool())
                time.sleep(_IDLE_SECONDS)
                # The first time, files are read and compiled.
                if number:
                    values.append(server.memory_mib()[0])
                elif plugins == "web,mcp":
                    _refuse_foreign(server)
    own, without = memory.values()
    return Reading(
        [a - b for a, b in zip(own, without, strict=True)],
        f"PSS; {median(own):.1f} MiB over {median(without):.1f} MiB",
    )


def _refuse_foreign(server: Server) -> None:
    response = server.ask(cases.Case("modules", "modules", "GET", "/api/modules"))
    modules = json.loads(response.partition(b"\r\n\r\n")[2])
    foreign = [name for name in FOREIGN if name in modules]
    if foreign:
        raise RuntimeError(f"a server for agents imports {', '.join(foreign)}")


def _streams() -> dict[str, Reading]:
    """Return the memory of an idle stream, and the time until all streams are notified."""
    variables = {
        "ACTIONHERO_MCP__LISTEN_STREAMS": str(IDLE),
        "ACTIONHERO_MCP__MAX_CONCURRENT_CALLS": str(IDLE + 10),
    }
    with throw_away_redis() as store, ExitStack() as stack:
        server = stack.enter_context(
            _ours(
                "web,mcp,channels,redis",
                package="agents_streams",
                REDIS_URL=store.url,
                **variables,
            )
        )
        publish = cases.Case("publish", "publish", "POST", "/api/publish")
        server.ask(publish)
        time.sleep(_IDLE_SECONDS)
        before = server.memory_mib()[1]
        agents = stack.enter_context(ListeningAgents(server.port, IDLE, "news://today"))
        time.sleep(_IDLE_SECONDS)
        kibibytes = (server.memory_mib()[1] - before) * 1024 / IDLE
        times = [agents.notified(lambda: server.ask(publish)) for _ in range(CHANGES)]
    return {
        "agents.listen": Reading([kibibytes], f"RSS, of {IDLE} streams"),
        "agents.notify": Reading([seconds * 1000 for seconds in times], "until the last of them"),
    }


def _stdio(rounds: int) -> Reading:
    """Return the time of a process to its first response over that of fastmcp's."""
    commands: dict[str, tuple[list[str], Mapping[str, str]]] = {
        "ours": (
            ["-m", "actionhero", "mcp", "stdio"],
            {
                "ACTIONHERO_APP__PACKAGE": "tests.benchmarks.peers.agents_ours",
                "ACTIONHERO_APP__SECRET_KEY": _KEY,
                "ACTIONHERO_PLUGINS__ENABLED": "web,mcp",
            },
        ),
        "fastmcp": (["-m", "tests.benchmarks.peers.agents_fastmcp", "stdio"], {}),
    }
    times: dict[str, list[float]] = {name: [] for name in commands}
    for number in range(rounds + 1):
        for name, (command, variables) in commands.items():
            seconds = _first_response(name, command, variables)
            # The first time, files are read and compiled.
            if number:
                times[name].append(seconds * 1000)
    own, theirs = times["ours"], times["fastmcp"]
    return Reading(
        [a / b for a, b in zip(own, theirs, strict=True)],
        f"{median(own):.0f} ms over {median(theirs):.0f} ms",
    )


def _first_response(name: str, command: list[str], variables: Mapping[str, str]) -> float:
    """Return the seconds from the start of a process to the response to `initialize`."""
    params: dict[str, Any] = {
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "bench", "version": "1"},
    }
    message = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params}
    begun = time.perf_counter()
    with subprocess.Popen(
        ["taskset", "-c", CLIENT_CORE, sys.executable, *command],
        cwd=PEERS,
        env={**environment(), **variables},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(json.dumps(message).encode() + b"\n")
            process.stdin.flush()
            line = process.stdout.readline()
            seconds = time.perf_counter() - begun
        finally:
            process.kill()
    if b'"serverInfo"' not in line:
        raise RuntimeError(f"{name}, initialize: responded {line[:2000]!r}")
    return seconds
