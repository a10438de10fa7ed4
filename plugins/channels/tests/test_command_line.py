"""Channels at the shell: the list, a clash, and a broadcast that nobody could hear."""

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
    """What happens."""

    name = "news"
    history = 20


class Room(Channel):
    """What is said in a room."""

    name = "room:{id}"


class Tell(Action):
    """Tell what happens."""

    name = "tell"

    async def run(self, call: Call) -> str:
        return await call.get(Channels).broadcast("news", "it rains")
'''
CLASH = '''

class OtherRoom(Channel):
    """Another place of the same form."""

    name = "room:{number}"
'''


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Give a function that runs `actionhero` in a folder with an application."""
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
    """For people, and for programs; nothing is asked of Redis for that."""
    shown = run("channels")
    listed: list[dict[str, Any]] = json.loads(run("channels", "--format", "json").stdout)

    assert shown.returncode == 0
    assert [line.split()[0] for line in shown.stdout.splitlines()[-2:]] == ["news", "room:{id}"]
    assert [(each["name"], each["history"], each["description"]) for each in listed] == [
        ("news", 20, "What happens."),
        ("room:{id}", 0, "What is said in a room."),
    ]


def test_a_broadcast_that_nobody_could_hear_is_refused(
    run: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    """There is only the memory of another process: 69, and what to do."""
    refused = run("call", "tell", ACTIONHERO_REDIS__MODE="memory")

    assert refused.returncode == 69
    error = json.loads(refused.stderr.splitlines()[-1])["error"]
    assert "Redis is needed for a broadcast" in error["message"]
    assert "REDIS_URL" in error["message"]


def test_two_channels_of_one_name_are_refused_with_both_owners(
    run: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    """However their places are called: what they fit is the same."""
    module = tmp_path / "newsroom.py"
    module.write_text(module.read_text(encoding="utf-8") + CLASH, encoding="utf-8")

    refused = run("call", "tell")

    assert refused.returncode == 78
    assert "newsroom.Room" in refused.stderr
    assert "newsroom.OtherRoom" in refused.stderr
    assert "rename one" in refused.stderr
