"""The private server: started with us, shared with our other processes, gone when we are."""

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
def no_server_left(folder: Path) -> Iterator[None]:
    yield

    for process in servers_in(folder):
        process.kill()


def servers_in(folder: Path) -> list[psutil.Process]:
    """Return the Redis processes that live in a folder or below."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            running = process.status() != psutil.STATUS_ZOMBIE
            if (
                running
                and "redis-server" in process.name()
                and process.cwd().startswith(f"{folder}/")
            ):
                found.append(process)
    return found


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


async def test_what_was_written_is_there_after_a_new_start(folder: Path) -> None:
    """Stop with Ctrl-C, start again: nothing is lost."""
    async with running_app(plugin, environ=EMBEDDED, folder=folder) as app:
        await app.get(RedisClients).client.set("actionhero:x", "kept")

    assert servers_in(folder) == []
    async with running_app(plugin, environ=EMBEDDED, folder=folder) as app:
        assert await app.get(RedisClients).client.get("actionhero:x") == "kept"


async def test_it_listens_on_no_port_and_shows_nothing_to_others(folder: Path) -> None:
    """Nobody else on the machine, let alone the network, can read it."""
    async with running_app(plugin, environ=EMBEDDED, folder=folder, mode=RunMode.SERVER):
        [server] = servers_in(folder)

        assert [one for one in server.net_connections() if one.status == "LISTEN"] == []
        kept = folder / ".actionhero" / "redis"
        assert kept.stat().st_mode & 0o077 == 0
        assert (kept / "redis.sock").stat().st_mode & 0o077 == 0
        assert (folder / ".actionhero" / ".gitignore").is_file()


async def test_a_server_starts_with_ours_and_on_the_command_line_when_it_is_used(
    folder: Path,
) -> None:
    """A command that needs no Redis starts none."""
    async with running_app(plugin, environ=EMBEDDED, folder=folder, mode=RunMode.SERVER):
        assert len(servers_in(folder)) == 1
    async with running_app(plugin, environ=EMBEDDED, folder=folder, mode=RunMode.CLI) as app:
        assert servers_in(folder) == []
        await app.get(RedisClients).client.ping()
        assert len(servers_in(folder)) == 1


def test_the_processes_of_one_folder_share_one_server(redis_program: str, folder: Path) -> None:
    """The second joins, whoever leaves first leaves the other alone, and the last one ends it."""
    kept = folder / "redis"
    with user(redis_program, kept) as first, user(redis_program, kept) as second:
        [server] = servers_in(folder)

        first.communicate()
        assert servers_in(folder) == [server]

        second.communicate()
        assert servers_in(folder) == []
    assert first.returncode == second.returncode == 0


def test_processes_that_start_at_once_start_one_server(redis_program: str, folder: Path) -> None:
    """Whoever comes first starts it, and nobody fails."""
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


async def test_what_a_killed_process_left_behind_is_cleaned_up_and_nothing_is_lost(
    redis_program: str, folder: Path
) -> None:
    """After `kill -9` the next start replaces the orphan, with the data that it had."""
    kept = folder / ".actionhero" / "redis"
    with user(redis_program, kept) as parent:
        ask(PrivateServer(redis_program, kept), "SET actionhero:x kept")
        parent.kill()
        parent.wait()
    [orphan] = servers_in(folder)

    async with running_app(plugin, environ=EMBEDDED, folder=folder) as app:
        assert await app.get(RedisClients).client.get("actionhero:x") == "kept"

        [server] = servers_in(folder)
        assert server != orphan
    assert servers_in(folder) == []


async def test_a_server_that_others_use_is_no_orphan(redis_program: str, folder: Path) -> None:
    """The process that started it was killed; the one that joined still needs it."""
    kept = folder / "redis"
    with user(redis_program, kept) as starter, user(redis_program, kept) as joined:
        [server] = servers_in(folder)
        starter.kill()
        starter.wait()

        with user(redis_program, kept) as third:
            assert servers_in(folder) == [server]
            third.communicate()

        assert servers_in(folder) == [server]
        joined.communicate()
    assert servers_in(folder) == []


async def test_a_server_that_was_killed_is_started_again(folder: Path) -> None:
    """Calls go on: the next command brings it back, with what was written."""
    async with running_app(plugin, environ=EMBEDDED, folder=folder, mode=RunMode.SERVER) as app:
        clients = app.get(RedisClients)
        await clients.client.set("actionhero:x", "kept")
        [server] = servers_in(folder)
        server.kill()
        psutil.wait_procs([server])

        values = await asyncio.gather(*(clients.client.get("actionhero:x") for _ in range(20)))

        assert values == ["kept"] * 20
        assert len(servers_in(folder)) == 1
    assert servers_in(folder) == []


def test_a_server_whose_socket_was_swept_away_is_replaced(redis_program: str, folder: Path) -> None:
    """Nobody could reach it any more, and nobody else may write to its files."""
    server = PrivateServer(redis_program, folder / "redis")
    server.start()
    ask(server, "SET x kept")
    [before] = servers_in(folder)
    assert server.socket is not None
    server.socket.unlink()

    server.start()

    [after] = servers_in(folder)
    assert after != before
    assert ask(server, "GET x").splitlines()[-1] == "kept"
    server.stop()


async def test_a_folder_with_a_long_path_has_its_socket_elsewhere(folder: Path) -> None:
    """A system takes a hundred bytes for the path of a socket; a data folder may have more."""
    long = folder / ("a" * 60) / ("b" * 60)
    long.mkdir(parents=True)

    async with running_app(plugin, environ=EMBEDDED, folder=long) as app:
        await app.get(RedisClients).client.set("actionhero:x", "kept")
        socket = PrivateServer("", long / ".actionhero" / "redis").socket
        assert socket is not None
        assert len(os.fsencode(socket)) <= 100
        assert socket.parent.stat().st_mode & 0o077 == 0

    assert not socket.parent.exists()
    async with running_app(plugin, environ=EMBEDDED, folder=long) as app:
        assert await app.get(RedisClients).client.get("actionhero:x") == "kept"


def test_a_hanging_server_of_a_killed_process_is_ended_by_force(
    redis_program: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It neither answers nor ends when it is asked to."""
    monkeypatch.setattr("actionhero_redis.private_server.STOP_SECONDS", 0.2)
    monkeypatch.setattr("actionhero_redis.server_process.ANSWER_SECONDS", 0.1)
    with user(redis_program, folder / "redis") as parent:
        parent.kill()
    [orphan] = servers_in(folder)
    orphan.send_signal(signal.SIGSTOP)

    server = PrivateServer(redis_program, folder / "redis")
    server.start()

    [after] = servers_in(folder)
    assert after != orphan
    server.stop()


def test_a_number_that_belongs_to_a_stranger_by_now_is_left_alone(
    redis_program: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only a process that is a Redis is ever ended by its number."""
    monkeypatch.setattr("actionhero_redis.private_server.STOP_SECONDS", 0.1)
    monkeypatch.setattr("actionhero_redis.server_process.ANSWER_SECONDS", 0.1)
    with user(redis_program, folder / "redis") as parent:
        parent.kill()
    [orphan] = servers_in(folder)
    orphan.send_signal(signal.SIGSTOP)
    (folder / "redis" / "redis.pid").write_text(str(os.getpid()), encoding="ascii")

    with pytest.raises(UnavailableError, match=r"does not end; end the process that is named in"):
        PrivateServer(redis_program, folder / "redis").start()


def test_a_hanging_server_that_others_use_is_not_ended(
    redis_program: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message says where to look."""
    monkeypatch.setattr("actionhero_redis.private_server.START_SECONDS", 0.2)
    monkeypatch.setattr("actionhero_redis.server_process.ANSWER_SECONDS", 0.1)
    with user(redis_program, folder / "redis"):
        [server] = servers_in(folder)
        server.send_signal(signal.SIGSTOP)

        with pytest.raises(UnavailableError, match=r"does not answer; look at '.*redis\.log'"):
            PrivateServer(redis_program, folder / "redis").start()

        assert servers_in(folder) == [server]


def test_while_another_process_starts_it_we_wait_only_for_so_long(
    redis_program: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that hangs on the way does not keep us for ever."""
    monkeypatch.setattr("actionhero_redis.private_server.TURN_SECONDS", 0.05)
    server = PrivateServer(redis_program, folder)

    with (
        server._locked(),
        pytest.raises(
            UnavailableError,
            match="another process has been starting or stopping the private redis",
        ),
    ):
        PrivateServer(redis_program, folder).start()


async def test_a_server_that_does_not_start_says_why(folder: Path) -> None:
    """The last line that it wrote is in the message, and where the rest is."""
    kept = folder / ".actionhero" / "redis" / "appendonlydir"
    kept.mkdir(parents=True)
    (kept / "appendonly.aof.manifest").write_text("nonsense\n", encoding="utf-8")

    with pytest.raises(UnavailableError) as raised:
        async with running_app(plugin, environ=EMBEDDED, folder=folder, mode=RunMode.SERVER):
            pass

    assert "did not start: " in str(raised.value)
    assert "Invalid AOF manifest file format" in str(raised.value)
    assert "redis.log'. Mend that, or set REDIS_URL" in str(raised.value)
    assert raised.value.exit_code == 69


async def test_a_program_that_is_no_redis_says_why(folder: Path) -> None:
    """What it wrote before it ended is in the message."""
    program = folder / "redis-server"
    program.write_text("#!/bin/sh\necho cannot do that\nexit 3\n", encoding="utf-8")
    program.chmod(0o700)
    environ = {**EMBEDDED, "ACTIONHERO_REDIS__PROGRAM": str(program)}

    with pytest.raises(UnavailableError, match="did not start: cannot do that"):
        async with running_app(plugin, environ=environ, folder=folder, mode=RunMode.SERVER):
            pass


async def test_a_command_that_needs_a_server_that_does_not_start_is_told(folder: Path) -> None:
    """Not a hang, and no failure of the action: a service that is unavailable."""
    environ = {**EMBEDDED, "ACTIONHERO_REDIS__RETRIES": "0"}
    async with running_app(plugin, environ=environ, folder=folder) as app:
        (folder / ".actionhero" / "redis").write_text("in the way", encoding="utf-8")

        with pytest.raises(
            RedisConnectionError, match="of the private redis server cannot be used"
        ):
            await app.get(RedisClients).client.ping()


def ask(server: PrivateServer, command: str) -> str:
    """Send one command over the server's socket, and return the answer as it came."""
    assert server.socket is not None
    answer = server_process.ask(server.socket, command.encode())
    assert answer is not None
    return answer.decode()
