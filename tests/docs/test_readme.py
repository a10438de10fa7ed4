"""Tests of the chat session in the README, with only Python installed."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from tests.docs.conftest import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.docs.conftest import Block, PageRunner

#: The steps of `nox -s demo`, with packages in place of folders.
START = """\
$ python3 -m venv .venv
$ source .venv/bin/activate
$ pip install actionhero-chat
$ actionhero start
ActionHero listens on http://127.0.0.1:8080/api
…
"""


def test_chat_commands_print_the_shown_output(
    runner: PageRunner, blocks: dict[Path, list[Block]]
) -> None:
    """Signing up and in, writing and reading a message, and signing out work as shown."""
    [chat] = [block for block in blocks[ROOT / "README.md"] if block.mark == "chat"]

    runner.run_commands(dataclasses.replace(chat, text=START))
    runner.run_commands(chat)


@pytest.mark.soak
def test_the_commands_of_the_installation_are_complete(tmp_path: Path) -> None:
    """They need a clone and Python only, and pip finds the packages after them."""
    clone, other = tmp_path / "clone", tmp_path / "other"
    subprocess.run(["git", "clone", "-q", ROOT, clone], check=True)
    printed = subprocess.run(
        [sys.executable, ROOT / ".ci" / "readme-command", "install"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    commands = f"""
        {printed.stdout}
        python3 -m venv {other}
        {other}/bin/pip install -q actionhero-web
        {other}/bin/actionhero --version
    """

    run = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", commands],
        cwd=clone, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert run.returncode == 0, run.stdout + run.stderr
