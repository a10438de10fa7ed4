"""Tests of data after a restart, with `curl` as the client."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PROGRAMS = ("redis-server", "valkey-server")
IN_CI = os.environ.get("CI", "").lower() not in {"", "0", "false"}


@pytest.fixture
def curl(tmp_path: Path) -> Callable[..., tuple[int, Any]]:
    """Return a function that runs `curl` with a cookie jar, and returns status and body."""
    program = shutil.which("curl")
    if program is None:
        (pytest.fail if IN_CI else pytest.skip)("program 'curl' not found on PATH")
    jar = tmp_path / "jar"

    def run(method: str, url: str, document: object = None) -> tuple[int, Any]:
        body = [] if document is None else ["--json", json.dumps(document)]
        process = subprocess.run(
            [
                *(str(program), "--silent", "--show-error", "--noproxy", "*", "--max-time", "30"),
                *("--cookie", str(jar), "--cookie-jar", str(jar), "--request", method, *body),
                *("--write-out", "\n%{http_code}", url),
            ],
            capture_output=True,
            text=True,
            check=True,
        )
        text, _, status = process.stdout.rpartition("\n")
        return int(status), json.loads(text)

    return run


def path_without_redis(folder: Path) -> str:
    """Return a PATH with Python and without Redis."""
    folder.mkdir()
    (folder / "python").symlink_to(sys.executable)
    return str(folder)


@pytest.mark.parametrize("has_redis", [True, False], ids=["redis-server", "no redis-server"])
def test_users_and_messages_persist_across_a_restart(
    tmp_path: Path,
    start_chat: Callable[..., Any],
    curl: Callable[..., tuple[int, Any]],
    has_redis: bool,
) -> None:
    """The session also persists, if there is a Redis server."""
    if has_redis and not any(map(shutil.which, PROGRAMS)):
        reason = "neither 'redis-server' nor 'valkey-server' found on PATH"
        (pytest.fail if IN_CI else pytest.skip)(reason)
    environ = {} if has_redis else {"PATH": path_without_redis(tmp_path / "bin")}
    folder = tmp_path / "chat"
    folder.mkdir()
    ada = {"email": "ada@example.com", "password": "correct horse"}
    chat = start_chat(folder, **environ).wait_until_listening()

    assert curl("PUT", f"{chat.url}/user", {**ada, "name": "Ada"})[0] == 200
    assert curl("PUT", f"{chat.url}/message", {"body": "too early"})[0] == 401
    assert curl("PUT", f"{chat.url}/session", ada)[0] == 200
    assert curl("PUT", f"{chat.url}/message", {"body": "hello"})[0] == 200
    messages = curl("GET", f"{chat.url}/messages/list")
    assert [message["body"] for message in messages[1]["messages"]] == ["hello"]
    assert curl("DELETE", f"{chat.url}/session") == (200, {"success": True})
    assert curl("GET", f"{chat.url}/messages/list")[0] == 401
    assert curl("PUT", f"{chat.url}/session", ada)[0] == 200
    assert ("fakeredis" in chat.output or "memory" in chat.output) is not has_redis

    assert chat.stop(signal.SIGINT) == 0
    chat = start_chat(folder, **environ).wait_until_listening()

    again = curl("GET", f"{chat.url}/messages/list")
    if has_redis:
        assert again == messages
    else:
        assert again[0] == 401
        assert curl("PUT", f"{chat.url}/session", ada)[0] == 200
        assert curl("GET", f"{chat.url}/messages/list") == messages
    assert chat.stop(signal.SIGINT) == 0


def test_concurrent_servers_create_one_default_user(
    tmp_path: Path,
    storage: str,
    start_chat: Callable[..., Any],
    servers: Callable[[int], dict[str, str]],
) -> None:
    """A third server, started later, does not create another one."""
    environ = servers(9) if storage == "servers" else {}

    chats = [start_chat(tmp_path, **environ) for _ in range(2)]
    for chat in chats:
        chat.wait_until_listening()
    start_chat(tmp_path, **environ).wait_until_listening()

    query = "SELECT id, name, email FROM users"
    assert chats[0].execute(query) == [(1, "Admin", "admin@example.com")]
