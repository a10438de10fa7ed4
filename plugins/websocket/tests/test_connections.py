"""The live connections of two processes: listed, by user, with messages to them, and closed."""

from __future__ import annotations

import asyncio
import json
import select
import signal
import time
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner
from plugins.websocket.tests.peers import url
from plugins.websocket.tests.socketapp.errors import ERRORS
from redis import Redis

from actionhero import UnavailableError
from actionhero.cli import CommandContext
from actionhero_redis.testing import throw_away_redis
from actionhero_websocket.client import DirectMessage, connect
from actionhero_websocket.commands import connections

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from click.testing import Result
    from plugins.websocket.tests.conftest import Client, ServerProcess, StartServer

    from actionhero_redis.testing import ThrowAwayRedis

CLOSE = 8
#: Connections of a killed process remain for a second.
SETTINGS = (
    "[websocket]\nmessages_per_second = 0\nconnect_timeout = 1\n"
    "connection_ttl = 1\nconnection_heartbeat = 0.25\n"
)
TIMEOUT_SECONDS = 30.0
#: The masked frame of a call.
CALL = b"\x81\xac\0\0\0\0" + b'{"messageType": "action", "action": "own"  }'

Pair = tuple[Any, Any]


@pytest.fixture(scope="module")
def redis() -> Iterator[ThrowAwayRedis]:
    """Yield the Redis of two servers."""
    with throw_away_redis() as redis:
        yield redis


@pytest.fixture(scope="module")
def pair(
    tmp_path_factory: pytest.TempPathFactory,
    start_module_server: StartServer,
    redis: ThrowAwayRedis,
) -> Pair:
    """Yield two servers with one Redis."""
    environ = {"REDIS_URL": redis.url}
    first, second = (
        start_module_server(SETTINGS, environ, folder=tmp_path_factory.mktemp(name), wait=False)
        for name in ("first", "second")
    )
    for server in (first, second):
        server.wait_until_listening()
    return first, second


@pytest.fixture(scope="module")
def single(
    tmp_path_factory: pytest.TempPathFactory, start_module_server: StartServer
) -> ServerProcess:
    """Yield a server whose Redis is the memory of its process, with listeners."""
    environ = {"ACTIONHERO_REDIS__MODE": "memory", "SOCKETAPP_LISTENERS": "1"}
    return start_module_server(SETTINGS, environ, folder=tmp_path_factory.mktemp("single"))


@pytest.fixture(params=["pair", "single"])
def servers(request: pytest.FixtureRequest) -> Iterator[Pair]:
    """Yield two servers with one Redis; then one server without, twice."""
    value: Any = request.getfixturevalue(request.param)
    both = value if isinstance(value, tuple) else (value, value)
    yield both
    for server in both:
        server.close_clients()


def id_of(client: Client) -> str:
    """Return the id of a connection."""
    id: str = client.call("own")["response"]["id"]
    return id


def listed(client: Client, user: Any = None) -> list[Any]:
    """Return the connections that a client sees."""
    connections: list[Any] = client.call("connections:list", user=user)["response"]["connections"]
    return connections


def wait_for(client: Client, ids: list[str], user: Any = None) -> list[Any]:
    """Wait until a client sees exactly these connections, and return them."""
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while True:
        # An error while Redis is down.
        response = client.call("connections:list", user=user).get("response", {})
        connections: list[Any] = response.get("connections", [])
        listed_ids = [each["id"] for each in connections]
        if listed_ids == sorted(ids) and response.get("count") == len(ids):
            return connections
        assert time.monotonic() < deadline, (response, ids)
        select.select([], [], [], 0.01)


def sign_in(client: Client, user: str) -> None:
    """Sign in over the socket."""
    assert client.call("sign:in", name=user)["response"] == {}


def test_connections_of_all_processes_are_listed(
    servers: Pair,
) -> None:
    """The oldest first, in pages."""
    clients = [server.connect() for server in (*servers, *servers)]
    ids = [id_of(client) for client in clients]

    connections = wait_for(clients[0], ids)

    assert {each["transport"] for each in connections} == {"websocket"}
    assert {each["remote"] for each in connections} == {"127.0.0.1"}
    assert len({each["process"] for each in connections}) == len(set(servers))
    assert all(abs(each["since"] - time.time()) < TIMEOUT_SECONDS for each in connections)
    first = clients[1].call("connections:list", limit=3)["response"]["connections"]
    rest = clients[1].call("connections:list", limit=3, after=first[-1]["id"])["response"]
    assert [*first, *rest["connections"]] == connections
    assert clients[2].call("connections:get", id=ids[1])["response"]["connection"] in connections
    assert clients[2].call("connections:get", id="unknown")["response"]["connection"] is None


def test_disconnected_clients_are_not_listed(
    servers: Pair,
) -> None:
    """In the other process too."""
    observer, *others = [server.connect() for server in (*servers, *servers)]
    ids = [id_of(client) for client in (observer, *others)]
    wait_for(observer, ids)

    others[0].send_frame(CLOSE, b"\x03\xe8")
    others[1].close()

    wait_for(observer, [ids[0], ids[3]])


def test_connections_are_listed_by_user(servers: Pair) -> None:
    """After signing in over the socket, and until the session is destroyed."""
    clients = [server.connect() for server in (*servers, *servers)]
    ids = [id_of(client) for client in clients]
    for client, user in zip(clients, ("ann", "ann", "ann x"), strict=False):
        sign_in(client, user)

    assert [each["user"] for each in wait_for(clients[3], ids[:2], "ann")] == ["ann", "ann"]
    wait_for(clients[3], [ids[2]], "ann x")
    assert listed(clients[3], "an") == []
    clients[1].call("sign:out")
    wait_for(clients[3], [ids[0]], "ann")
    sign_in(clients[0], "eve")

    wait_for(clients[3], [], "ann")
    wait_for(clients[2], [ids[0]], "eve")


def test_the_user_of_the_cookie_is_listed(servers: Pair) -> None:
    """Without a call, until the session is revoked over HTTP."""
    observer = servers[0].connect()
    headers = {"Content-Type": "application/json", "Content-Length": "15"}
    http = servers[0].client().handshake(
        "/api/session", {**headers, "Connection": "close", "Upgrade": None}, method="PUT",
        after=b'{"name": "bob"}',
    )  # fmt: skip
    cookie = http.headers["set-cookie"].partition(";")[0]
    servers[1].connect(headers={"Cookie": cookie})
    while not (connections := listed(observer, "bob")):
        select.select([], [], [], 0.01)

    servers[0].connect(headers={"Cookie": cookie}).call("sign:out")

    wait_for(observer, [], "bob")
    assert observer.call("connections:get", id=connections[0]["id"])["response"]["connection"] == {
        **connections[0],
        "user": None,
    }


def test_messages_reach_one_connection(servers: Pair) -> None:
    """They have neither a channel nor a message id."""
    sender, local, remote = (servers[n].connect() for n in (0, 0, 1))
    ids = [id_of(client) for client in (sender, local, remote)]
    wait_for(sender, ids)
    message = {"text": "grüße", "list": [1, None]}

    for client in (local, remote):
        sent = sender.call("connections:send", id=id_of(client), message=message)

        assert sent["response"] == {"sent": True}
        frame = client.read_frame()
        assert frame.json == {"direct": {"message": message}}
        assert b" " not in frame.content
    assert sender.call("connections:send", id=ids[0], message=1) == {"direct": {"message": 1}}
    assert sender.read_json()["response"] == {"sent": True}
    unknown = sender.call("connections:send", id="unknown", message=1)
    assert unknown["response"] == {"sent": False}


def test_messages_reach_all_connections_of_a_user(
    servers: Pair,
) -> None:
    """In every process, and no others."""
    sender, other, *clients = (servers[n].connect() for n in (0, 1, 0, 1, 1))
    for client in clients:
        sign_in(client, "joe")
    sign_in(other, "jo")
    wait_for(sender, [id_of(client) for client in clients], "joe")

    sent = sender.call("connections:send", user="joe", message="Hello")

    assert sent["response"] == {"sent": 3}
    for client in clients:
        assert client.read_json() == {"direct": {"message": "Hello"}}
    assert other.call("own")["response"]
    assert sender.call("connections:send", user="unknown", message=1)["response"] == {"sent": 0}


@pytest.mark.parametrize("by_user", [False, True])
def test_connections_are_closed(servers: Pair, by_user: bool) -> None:
    """With the code and the reason."""
    operator, *clients = (servers[n].connect() for n in (0, 0, 1))
    ids = [id_of(client) for client in clients]
    for client in clients:
        sign_in(client, "mallory")
    wait_for(operator, ids, "mallory")
    options = {"code": 4001, "reason": "Signed out"}

    if by_user:
        closed = operator.call("connections:close", user="mallory", **options)
        assert closed["response"] == {"closed": 2}
    else:
        for id in ids:
            closed = operator.call("connections:close", id=id, **options)
            assert closed["response"] == {"closed": True}

    for client in clients:
        frame = client.read_close()
        assert (frame.code, frame.reason) == (4001, "Signed out")
        client.send_frame(CLOSE, frame.content)
        assert client.is_closed()
    wait_for(operator, [], "mallory")
    assert operator.call("connections:close", id=ids[0])["response"] == {"closed": False}


@pytest.mark.parametrize("waits", [False, True])
def test_calls_may_close_their_own_connection(single: ServerProcess, waits: bool) -> None:
    """The response is sent before."""
    client = single.connect()

    assert client.call("connections:close:itself", waits=waits)["response"] == {"closed": True}
    close = client.read_frame()
    assert (close.opcode, close.code, close.reason) == (CLOSE, 4002, "Goodbye")
    client.send_frame(CLOSE, close.content)
    assert client.is_closed()


def test_invalid_close_codes_are_refused(single: ServerProcess) -> None:
    """Whether the connection exists or not."""
    assert single.connect().call("connections:close", id="unknown", code=1005)["error"]

    single.wait_for("invalid close code 1005; use 1000, 1001, 1008, or a number")
    single.close_clients()


def test_connections_of_a_killed_process_expire(
    pair: Pair, redis: ThrowAwayRedis, start_server: StartServer
) -> None:
    """Together with the process."""
    observer = pair[0].connect()
    victim = start_server(SETTINGS, {"REDIS_URL": redis.url})
    client = victim.connect()
    sign_in(client, "ghost")
    own = id_of(observer)
    wait_for(observer, [own, id_of(client)])

    victim.stop(signal.SIGKILL)

    wait_for(observer, [own])
    wait_for(observer, [], "ghost")
    observer.close()


@pytest.mark.parametrize("loses_data", [True, False])
def test_connections_are_listed_again_after_an_outage_of_redis(
    pair: Pair, redis: ThrowAwayRedis, loses_data: bool
) -> None:
    """Without those that were closed meanwhile, with their users, and messages reach them."""
    observer, client, closed = pair[0].connect(), pair[1].connect(), pair[1].connect()
    sign_in(client, "kim")
    ids = [id_of(each) for each in (observer, client)]
    wait_for(observer, [*ids, id_of(closed)])

    if loses_data:
        with Redis.from_url(redis.url) as connection:
            connection.flushall()
        closed.close()
    else:
        redis.kill()
        closed.close()
        pair[1].wait_for("connections: writing to Redis failed")
        redis.start()

    wait_for(observer, ids)
    wait_for(observer, [ids[1]], "kim")
    while observer.call("connections:send", id=ids[1], message=1).get("response") != {"sent": True}:
        # The process does not listen yet.
        select.select([], [], [], 0.01)
    assert client.read_json() == {"direct": {"message": 1}}
    for server in pair:
        server.close_clients()


def test_connections_are_listed_after_redis_was_restored_with_older_data(
    pair: Pair, redis: ThrowAwayRedis
) -> None:
    """Even if the older data has as many connections."""
    observer, client = pair[0].connect(), pair[1].connect()
    sign_in(client, "mia")
    ids = [id_of(each) for each in (observer, client)]
    wait_for(observer, ids)
    wait_for(observer, [ids[1]], "mia")

    with Redis.from_url(redis.url) as connection:
        # In one transaction, else a heartbeat may find another number.
        changes = connection.pipeline()
        for index in connection.scan_iter("*:connections:*:index"):
            for member in connection.zrange(index, 0, -1):
                if member.endswith(ids[1].encode()):
                    changes.zrem(index, member).zadd(index, {member[:-1] + b"~": 0})
        for hash in connection.scan_iter("*:connections:*:all"):
            content = connection.hget(hash, ids[1])
            if content is not None:
                changes.hdel(hash, ids[1]).hset(hash, ids[1][:-1] + "~", content)
        changes.execute()
        assert ids[1] not in [each["id"] for each in listed(observer)]
        connection.client_kill_filter(_type="pubsub")

    wait_for(observer, ids)
    wait_for(observer, [ids[1]], "mia")
    for server in pair:
        server.close_clients()


# -- listeners ---------------------------------------------------------------------------------


@pytest.fixture
def listening(single: ServerProcess) -> Iterator[ServerProcess]:
    """Yield a server with a listener, which does what the query of a connection says."""
    yield single
    single.close_clients()


def test_listeners_are_called_before_the_first_message(listening: ServerProcess) -> None:
    """They know the user, can send, and learn the close code."""
    headers = {"Content-Type": "application/json", "Content-Length": "15"}
    http = listening.client().handshake(
        "/api/session", {**headers, "Connection": "close", "Upgrade": None}, method="PUT",
        after=b'{"name": "zoe"}',
    )  # fmt: skip
    cookie = http.headers["set-cookie"].partition(";")[0]
    client = listening.client().handshake("/api?greets", {"Cookie": cookie}, after=CALL)

    greeting, response = client.read_json(), client.read_json()
    client.send_frame(CLOSE, (4123).to_bytes(2))

    assert greeting == {"direct": {"message": {"hello": "zoe", "session": {"userId": "zoe"}}}}
    assert response["response"]["id"]
    listening.wait_for("disconnected greets 4123 False")


async def test_messages_are_events_of_the_client(listening: ServerProcess) -> None:
    """From the first one on, which a listener sends."""
    async with connect(f"{url(listening)}?greets") as client:
        events: asyncio.Queue[Any] = asyncio.Queue()
        client.listen(events.put_nowait)
        own = await client.call("own")
        await client.call("connections:send", id=own["id"], message=None)

        received = [await events.get() for _ in range(2)]

    assert [type(event) for event in received] == [DirectMessage, DirectMessage]
    assert [event.message for event in received] == [{"hello": None, "session": {}}, None]


@pytest.mark.parametrize(("query", "code", "reason"), [
    ("forbidden", 1008, "Not today"),
    ("unavailable", 1013, "Later"),
    ("lost", 1013, "A service that this action needs is not available"),
    ("hangs", 1013, "Connecting failed"),
    ("closes", 4000, "Closed by a listener"),
])  # fmt: skip
def test_listeners_refuse_connections(
    listening: ServerProcess, query: str, code: int, reason: str
) -> None:
    """No call of the client is executed, and the connection is not listed."""
    observer = listening.connect()
    client = listening.client().handshake(f"/api?{query}", after=CALL)
    if query == "hangs":
        listening.wait_for("connecting hangs")
        assert [each["id"] for each in listed(observer)] == [id_of(observer)]

    frame = client.read_frame()

    assert (frame.opcode, frame.code, frame.reason) == (CLOSE, code, reason)
    client.send_frame(CLOSE, frame.content)
    assert client.is_closed()
    assert [each["id"] for each in listed(observer)] == [id_of(observer)]
    # It has returned, so its counterpart is called.
    if query == "closes":
        listening.wait_for(f" disconnected {query} ")
    else:
        assert f" disconnected {query} " not in listening.stderr


@pytest.mark.parametrize("name", ERRORS)
def test_failing_listeners_are_logged(listening: ServerProcess, name: str) -> None:
    """With their plugin, and the connection stays open."""
    client = listening.connect(f"/api?fails={name}")
    assert client.call("own")["response"]
    client.close()
    other = listening.connect(f"/api?fails-later={name}")
    assert other.call("own")["response"]
    other.close()

    listener = r"socketapp.connections.ByQuery \(the application\) failed: expected Traceback"
    for method in ("on_connect", "on_disconnect"):
        listening.wait_for(rf"{method} of {listener}[^:]*(\n    .*)*{name}")


def test_clients_that_disconnect_cancel_their_listeners(listening: ServerProcess) -> None:
    """And the server continues."""
    client = listening.connect("/api?cancelled")

    client.close()

    listening.wait_for("cancelled cancelled")
    assert listening.connect().call("own")["response"]


def test_listeners_are_called_in_the_order_of_plugins(listening: ServerProcess) -> None:
    """Those of `actionhero_websocket_listeners` before those of the application."""
    listening.connect("/api?ordered").close()

    listening.wait_for(
        "(?s)first connected ordered.*socketapp: connected ordered.*"
        "socketapp: disconnected ordered.*last disconnected ordered"
    )


def test_large_messages_wait_for_the_listeners(listening: ServerProcess) -> None:
    """Reading pauses, and continues."""
    client = listening.connect("/api?slow")
    for _ in range(5):
        client.send_json(messageType="action", action="own", params={"text": "x" * 60_000})

    assert [client.read_json()["response"]["id"] for _ in range(5)] == [id_of(client)] * 5


# -- the command line --------------------------------------------------------------------------


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Return a function that runs `actionhero connections` with a Redis."""
    # In this process, whose logs are those of the tests.
    monkeypatch.setattr("actionhero.cli.output.configure_logs", lambda *_, **__: None)
    (tmp_path / "actionhero.toml").write_text(
        'app.name = "socketapp"\nplugins.enabled = ["channels", "redis", "web", "websocket"]\n'
    )

    def run(redis_url: str, *arguments: str) -> Result:
        context = CommandContext({"settings": tmp_path, "set": [f"redis.url={redis_url}"]})
        return CliRunner().invoke(connections, arguments, obj=context)

    return run


def test_the_command_lists_and_closes_connections(
    pair: Pair,
    redis: ThrowAwayRedis,
    command: Callable[..., Result],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Of all processes, or of a user; both are recorded in the audit log."""
    caplog.set_level("INFO", "actionhero.audit")
    clients = [server.connect() for server in pair]
    ids = [id_of(client) for client in clients]
    sign_in(clients[1], "liz")
    wait_for(clients[0], ids)
    wait_for(clients[0], [ids[1]], "liz")

    everything = command(redis.url, "--format", "json")
    table = command(redis.url, "--user", "liz", "--limit", "5")
    closed = command(redis.url, "close", "--user", "liz", "--code", "4001", "--reason", "No")
    unknown = command(redis.url, "close", "unknown", ids[0])

    rows = json.loads(everything.stdout)
    assert {row["id"]: row["user"] for row in rows} == {ids[0]: None, ids[1]: "liz"}
    assert [line.split()[:2] for line in table.stdout.splitlines()[2:]] == [[ids[1], "liz"]]
    assert (closed.stdout, closed.exit_code) == ("1\n", 0)
    frame = clients[1].read_close()
    assert (frame.code, frame.reason) == (4001, "No")
    assert (unknown.stdout, unknown.exit_code) == ("1\n", 1)
    assert "unknown connection 'unknown'; its client may be disconnected" in unknown.stderr
    lines = [json.loads(r.getMessage()) for r in caplog.records if r.name == "actionhero.audit"]
    for line in lines:
        assert (line["event"], line["outcome"]) == ("websocket.close", "success")
        assert line["details"].pop("account")
    assert [line["details"] for line in lines] == [
        {"user": "liz", "count": 1},
        {"connections": ["unknown", ids[0]], "count": 1},
    ]
    for server in pair:
        server.close_clients()


@pytest.mark.parametrize(("arguments", "code", "message"), [
    (["close"], 2, "pass the ids of connections, or --user"),
    (["close", "x", "--user", "liz"], 2, "pass the ids of connections, or --user"),
    (["close", "x", "--code", "1005"], 2, "invalid close code 1005; use 1000"),
    (["--user", "liz"], 69, "the connections cannot be read"),
])  # fmt: skip
def test_the_command_refuses(
    command: Callable[..., Result], arguments: list[str], code: int, message: str
) -> None:
    """Wrong usage, and a Redis that is unreachable."""
    result = command("redis://127.0.0.1:1/0", *arguments)

    error = result.exception
    assert result.stdout == ""
    if isinstance(error, UnavailableError):
        assert (error.exit_code, str(error)[: len(message)]) == (code, message)
    else:
        assert result.exit_code == code
        assert message in " ".join(result.stderr.split())
