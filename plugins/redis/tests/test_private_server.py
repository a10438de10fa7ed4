"""The private server: start, sharing between processes, stop, and recovery."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import psutil
import pytest
from redis.exceptions import ConnectionError as RedisConnectionError

from actionhero import RunMode, UnavailableError
from actionhero.testing import running_app
from actionhero_redis import RedisClients, plugin, server_process
from actionhero_redis.private_server import PrivateServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

EMBEDDED = {"ACTIONHERO_REDIS__MODE": "embedded"}

#: A process that uses the private server of a folder until its standard input is closed.
USER = """
import sys
from pathlib import Path
from actionhero_redis.private_server import PrivateServer
server = PrivateServer(sys.argv[1], Path(sys.argv[2]))
server.start()
print("ready", flush=True)
sys.stdin.read()
server.stop()
"""


@pytest.fixture(autouse=True)
def redis_program(program: Callable[[str], str]) -> str:
    return program("redis-server")


@pytest.fixture(autouse=True)
def kill_remaining_servers(folder: Path) -> Iterator[None]:
    yield

    for process in servers_in(folder):
        process.kill()


def servers_in(folder: Path) -> list[psutil.Process]:
    """Return the Redis processes whose working directory is below a folder."""
    servers = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            running = process.status() != psutil.STATUS_ZOMBIE
            if (
                running
                and "redis-server" in process.name()
                and process.cwd().startswith(f"{folder}/")
            ):
                servers.append(process)
    return servers


def kill_watchers(folder: Path) -> None:
    """Kill the processes that stop the servers below a folder when their users were killed."""
    for watcher in watchers_of(folder):
        watcher.kill()


def watchers_of(folder: Path) -> list[psutil.Process]:
    """Return the processes that watch the servers below a folder."""
    watchers = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            arguments = process.cmdline()
            is_watcher = any(argument.endswith("server_watcher.py") for argument in arguments)
            if is_watcher and arguments[-1].startswith(f"{folder}/"):
                watchers.append(process)
    return watchers


@contextlib.contextmanager
def user(program: str, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run another process that uses the private server of `folder`."""
    with subprocess.Popen(
        [sys.executable, "-c", USER, program, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
            yield process
        finally:
            process.kill()


async def test_data_survives_a_restart(folder: Path) -> None:
    """The last user stops the server, and the next one starts it."""
    async with running_app(plugin, environ=EMBEDDED, folder=folder) as app:
        await app.get(RedisClients).client.set("actionhero:x", "value")

    assert servers_in(folder) == []
    async with running_app(plugin, environ=EMBEDDED, folder=folder) as app:
        assert await app.get(RedisClients).client.get("actionhero:x") == "value"


async def test_the_server_is_inaccessible_to_other_users(folder: Path) -> None:
    """It listens on no port, and its files are readable by their owner only."""
    async with running_app(plugin, environ=EMBEDDED, folder=folder, mode=RunMode.SERVER):
        [server] = servers_in(folder)

        assert [item for item in server.net_connections() if item.status == "LISTEN"] == []
        data = folder / ".actionhero" / "redis"
        assert data.stat().st_mode & 0o077 == 0
        assert (data / "redis.sock").stat().st_mode & 0o077 == 0
        assert (folder / ".actionhero" / ".gitignore").is_file()


async def test_commands_start_the_server_on_first_use(folder: Path) -> None:
    """The application server starts it at once."""
    async with running_app(plugin, environ=EMBEDDED, folder=folder, mode=RunMode.SERVER):
        assert len(servers_in(folder)) == 1
    async with running_app(plugin, environ=EMBEDDED, folder=folder, mode=RunMode.CLI) as app:
        assert servers_in(folder) == []
        await app.get(RedisClients).client.ping()
        assert len(servers_in(folder)) == 1


def test_the_processes_of_one_folder_share_one_server(redis_program: str, folder: Path) -> None:
    """The second process joins, and the last one stops the server."""
    data = folder / "redis"
    with user(redis_program, data) as first, user(redis_program, data) as second:
        [server] = servers_in(folder)

        first.communicate()
        assert servers_in(folder) == [server]

        second.communicate()
        assert servers_in(folder) == []
    assert first.returncode == second.returncode == 0


def test_concurrent_starts_create_one_server(redis_program: str, folder: Path) -> None:
    """The first process starts it, and the others join."""
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", USER, redis_program, str(folder / "redis")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        for _ in range(5)
    ]
    try:
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
        assert len(servers_in(folder)) == 1
    finally:
        for process in processes:
            process.communicate()

    assert servers_in(folder) == []


async def test_the_server_of_a_killed_process_is_replaced(redis_program: str, folder: Path) -> None:
    """After `kill -9` the next start replaces the orphan, without loss of data."""
    data = folder / ".actionhero" / "redis"
    with user(redis_program, data) as parent:
        send(PrivateServer(redis_program, data), "SET actionhero:x value")
        kill_watchers(folder)
        parent.kill()
        parent.wait()
    [orphan] = servers_in(folder)

    async with running_app(plugin, environ=EMBEDDED, folder=folder) as app:
        assert await app.get(RedisClients).client.get("actionhero:x") == "value"

        [server] = servers_in(folder)
        assert server != orphan
    assert servers_in(folder) == []


def test_a_server_ends_after_its_last_user_was_killed(redis_program: str, folder: Path) -> None:
    """Within seconds, with its data; not before, and not if the next user comes in time."""
    data = folder / "redis"
    with user(redis_program, data) as starter, user(redis_program, data) as joined:
        [server], watchers = servers_in(folder), watchers_of(folder)
        send(PrivateServer(redis_program, data), "SET actionhero:x value")
        starter.kill()
        starter.wait()
        with pytest.raises(psutil.TimeoutExpired):
            server.wait(2.5)
        joined.kill()
        joined.wait()
        server.wait(15)
        for watcher in watchers:
            watcher.wait(15)

    with user(redis_program, data):
        [after] = servers_in(folder)
        assert after != server
        assert "value" in send(PrivateServer(redis_program, data), "GET actionhero:x")


def test_the_watcher_ends_with_its_server(redis_program: str, folder: Path) -> None:
    """One watches all servers of a folder, one after the other; others end at once."""
    for _ in range(3):
        server = PrivateServer(redis_program, folder / "redis")
        server.start()
        assert watchers_of(folder)
        server.stop()

    for watcher in watchers_of(folder):
        watcher.wait(15)
    assert watchers_of(folder) == []


async def test_a_server_with_other_users_is_not_an_orphan(redis_program: str, folder: Path) -> None:
    """The process that started it was killed; a process that joined still uses it."""
    data = folder / "redis"
    with user(redis_program, data) as starter, user(redis_program, data) as joined:
        [server] = servers_in(folder)
        starter.kill()
        starter.wait()

        with user(redis_program, data) as third:
            assert servers_in(folder) == [server]
            third.communicate()

        assert servers_in(folder) == [server]
        joined.communicate()
    assert servers_in(folder) == []


async def test_a_killed_server_is_restarted(folder: Path) -> None:
    """The next command starts it again with its data."""
    async with running_app(plugin, environ=EMBEDDED, folder=folder, mode=RunMode.SERVER) as app:
        clients = app.get(RedisClients)
        await clients.client.set("actionhero:x", "value")
        [server] = servers_in(folder)
        server.kill()
        psutil.wait_procs([server])

        values = await asyncio.gather(*(clients.client.get("actionhero:x") for _ in range(20)))

        assert values == ["value"] * 20
        assert len(servers_in(folder)) == 1
    assert servers_in(folder) == []


def test_a_server_without_its_socket_file_is_replaced(redis_program: str, folder: Path) -> None:
    """No client could reach it, and a second server must not use its files."""
    server = PrivateServer(redis_program, folder / "redis")
    server.start()
    send(server, "SET x value")
    [before] = servers_in(folder)
    assert server.socket is not None
    server.socket.unlink()

    server.start()

    [after] = servers_in(folder)
    assert after != before
    assert send(server, "GET x").splitlines()[-1] == "value"
    server.stop()


async def test_a_folder_with_a_long_path_has_its_socket_elsewhere(folder: Path) -> None:
    """The path of a socket is limited to about a hundred bytes."""
    long = folder / ("a" * 60) / ("b" * 60)
    long.mkdir(parents=True)

    async with running_app(plugin, environ=EMBEDDED, folder=long) as app:
        await app.get(RedisClients).client.set("actionhero:x", "value")
        socket = PrivateServer("", long / ".actionhero" / "redis").socket
        assert socket is not None
        assert len(os.fsencode(socket)) <= 100
        assert socket.parent.stat().st_mode & 0o077 == 0

    assert not socket.parent.exists()
    async with running_app(plugin, environ=EMBEDDED, folder=long) as app:
        assert await app.get(RedisClients).client.get("actionhero:x") == "value"


def test_a_hanging_orphan_is_killed(
    redis_program: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It does not respond to `SHUTDOWN` or SIGTERM."""
    monkeypatch.setattr("actionhero_redis.private_server.STOP_TIMEOUT_SECONDS", 0.2)
    monkeypatch.setattr("actionhero_redis.server_process.RESPONSE_TIMEOUT_SECONDS", 0.1)
    with user(redis_program, folder / "redis") as parent:
        kill_watchers(folder)
        parent.kill()
    [orphan] = servers_in(folder)
    orphan.send_signal(signal.SIGSTOP)

    server = PrivateServer(redis_program, folder / "redis")
    server.start()

    [after] = servers_in(folder)
    assert after != orphan
    server.stop()


def test_a_reused_process_id_is_not_killed(
    redis_program: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only a process whose program is Redis is killed."""
    monkeypatch.setattr("actionhero_redis.private_server.STOP_TIMEOUT_SECONDS", 0.1)
    monkeypatch.setattr("actionhero_redis.server_process.RESPONSE_TIMEOUT_SECONDS", 0.1)
    with user(redis_program, folder / "redis") as parent:
        kill_watchers(folder)
        parent.kill()
    [orphan] = servers_in(folder)
    orphan.send_signal(signal.SIGSTOP)
    (folder / "redis" / "redis.pid").write_text(str(os.getpid()), encoding="ascii")

    with pytest.raises(UnavailableError, match=r"does not stop; end the process whose id is in"):
        PrivateServer(redis_program, folder / "redis").start()


def test_a_hanging_server_with_other_users_is_not_killed(
    redis_program: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message names the log."""
    monkeypatch.setattr("actionhero_redis.private_server.START_TIMEOUT_SECONDS", 0.2)
    monkeypatch.setattr("actionhero_redis.server_process.RESPONSE_TIMEOUT_SECONDS", 0.1)
    with user(redis_program, folder / "redis"):
        [server] = servers_in(folder)
        server.send_signal(signal.SIGSTOP)

        with pytest.raises(UnavailableError, match=r"does not respond; see '.*redis\.log'"):
            PrivateServer(redis_program, folder / "redis").start()

        assert servers_in(folder) == [server]


def test_waiting_for_another_process_has_a_timeout(
    redis_program: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other process may hang."""
    monkeypatch.setattr("actionhero_redis.private_server.LOCK_TIMEOUT_SECONDS", 0.05)
    server = PrivateServer(redis_program, folder)

    with (
        server._locked(),
        pytest.raises(
            UnavailableError,
            match="another process has been starting or stopping the private redis",
        ),
    ):
        PrivateServer(redis_program, folder).start()


async def test_a_failed_start_reports_the_reason(folder: Path) -> None:
    """The message has the last line of the log, and the path of the log."""
    data = folder / ".actionhero" / "redis" / "appendonlydir"
    data.mkdir(parents=True)
    (data / "appendonly.aof.manifest").write_text("nonsense\n", encoding="utf-8")

    with pytest.raises(UnavailableError) as raised:
        async with running_app(plugin, environ=EMBEDDED, folder=folder, mode=RunMode.SERVER):
            pass

    assert "did not start: " in str(raised.value)
    assert "Invalid AOF manifest file format" in str(raised.value)
    assert "redis.log'. Fix the cause, or set REDIS_URL" in str(raised.value)
    assert raised.value.exit_code == 69


async def test_a_failed_program_reports_its_output(folder: Path) -> None:
    """The message has the last line of its output."""
    program = folder / "redis-server"
    program.write_text("#!/bin/sh\necho cannot do that\nexit 3\n", encoding="utf-8")
    program.chmod(0o700)
    environ = {**EMBEDDED, "ACTIONHERO_REDIS__PROGRAM": str(program)}

    with pytest.raises(UnavailableError, match="did not start: cannot do that"):
        async with running_app(plugin, environ=environ, folder=folder, mode=RunMode.SERVER):
            pass


async def test_a_failed_start_on_first_use_is_a_connection_error(folder: Path) -> None:
    """The action fails with `ServiceUnavailable`, as with any outage."""
    environ = {**EMBEDDED, "ACTIONHERO_REDIS__RETRIES": "0"}
    async with running_app(plugin, environ=environ, folder=folder) as app:
        (folder / ".actionhero" / "redis").write_text("not a folder", encoding="utf-8")

        with pytest.raises(
            RedisConnectionError, match="of the private redis server cannot be used"
        ):
            await app.get(RedisClients).client.ping()


def send(server: PrivateServer, command: str) -> str:
    """Send a command over the socket of the server, and return the response."""
    assert server.socket is not None
    response = server_process.send_command(server.socket, command.encode())
    assert response is not None
    return response.decode()
