"""Tests of the chat session in the README, with only Python installed."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

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
