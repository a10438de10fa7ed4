"""The main job of the README: the chat, with nothing installed but Python."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from tests.docs.conftest import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.docs.conftest import Block, Reader

#: What `nox -s demo` does, with packages instead of folders.
START = """\
$ python3 -m venv .venv
$ source .venv/bin/activate
$ pip install actionhero-chat
$ actionhero start
ActionHero listens on http://127.0.0.1:8080/api
…
"""


def test_who_types_in_the_main_job_chats(reader: Reader, blocks: dict[Path, list[Block]]) -> None:
    """Sign up, sign in, write, read, sign out: what comes is what the README shows."""
    [chat] = [block for block in blocks[ROOT / "README.md"] if block.mark == "chat"]

    reader.type_in(dataclasses.replace(chat, text=START))
    reader.type_in(chat)
