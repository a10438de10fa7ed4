"""Channels on the command line: `actionhero channels`, name conflicts, and broadcasts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NEWSROOM = '''
from actionhero import Action, Call
from actionhero_channels import Channel, Channels


class News(Channel):
    """The news."""

    name = "news"
    history = 20


class Room(Channel):
    """The messages of a room."""

    name = "room:{id}"


class Publish(Action):
    """Publish news."""

    name = "publish"

    async def run(self, call: Call) -> str:
        return await call.get(Channels).broadcast("news", "it rains")
'''
CONFLICT = '''

class OtherRoom(Channel):
    """A channel whose name matches the same names."""

    name = "room:{number}"
'''


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Return a function that runs `actionhero` in a folder with an application."""
    module = tmp_path / "newsroom.py"
    module.write_text(textwrap.dedent(NEWSROOM), encoding="utf-8")

    def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        environ = {
            "PATH": os.environ["PATH"],
            "ACTIONHERO_APP__PACKAGE": "newsroom",
            "ACTIONHERO_PLUGINS__ENABLED": "channels,redis",
            **variables,
        }
        return subprocess.run(
            [sys.executable, "-m", "actionhero", *arguments],
            cwd=tmp_path,
            env=environ,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    return run


def test_channels_are_listed(run: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    """As a table and as JSON, without Redis."""
    table = run("channels")
    rows: list[dict[str, Any]] = json.loads(run("channels", "--format", "json").stdout)

    assert table.returncode == 0
    assert [line.split()[0] for line in table.stdout.splitlines()[-2:]] == ["news", "room:{id}"]
    assert [(row["name"], row["history"], row["description"]) for row in rows] == [
        ("news", 20, "The news."),
        ("room:{id}", 0, "The messages of a room."),
    ]


def test_broadcasts_need_a_shared_redis(
    run: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    """In memory mode the command exits with 69, and names the remedy."""
    process = run("call", "publish", ACTIONHERO_REDIS__MODE="memory")

    assert process.returncode == 69
    error = json.loads(process.stderr.splitlines()[-1])["error"]
    assert "Redis is needed for a broadcast" in error["message"]
    assert "REDIS_URL" in error["message"]


def test_conflicting_names_are_refused_with_both_owners(
    run: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    """The names of the placeholders do not matter."""
    module = tmp_path / "newsroom.py"
    module.write_text(module.read_text(encoding="utf-8") + CONFLICT, encoding="utf-8")

    process = run("call", "publish")

    assert process.returncode == 78
    assert "newsroom.Room" in process.stderr
    assert "newsroom.OtherRoom" in process.stderr
    assert "rename one" in process.stderr
