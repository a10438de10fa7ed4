"""Processes that have outlived their supervisor, and their report by `actionhero doctor`."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from actionhero import App
from actionhero.cli.doctor import examine
from actionhero.process.orphans import find_orphans
from actionhero.process.parent import PARENT_VARIABLE
from actionhero.settings.sources import read_sources

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.platform("linux")


def dead_process_id() -> int:
    """Return the id of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


#: A process that a supervisor has started.
STARTED = "print(flush=True); input()"
#: A process that a supervisor has forked: its variables are those of the supervisor.
FORKED = f"""
import os
from actionhero.process.parent import stop_after_parent
stop_after_parent(int(os.environ.pop("SUPERVISOR")))
{STARTED}
"""


def child_of(supervisor_id: int, program: str) -> subprocess.Popen[bytes]:
    """Start a process that waits for its standard input, as a child of a supervisor."""
    name = PARENT_VARIABLE if program == STARTED else "SUPERVISOR"
    environ = {**os.environ, name: str(supervisor_id)}
    process = subprocess.Popen(
        [sys.executable, "-c", program, "worker"],
        env=environ,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    # Before that, the process may still be this one, with its variables.
    process.stdout.readline()
    return process


@pytest.mark.parametrize("program", [STARTED, FORKED], ids=["started", "forked"])
def test_a_process_without_its_supervisor_is_reported(tmp_path: Path, program: str) -> None:
    """With its id, its command, and the command that ends it, for production only."""
    supervisor_id = dead_process_id()
    with child_of(supervisor_id, program) as orphan, child_of(os.getpid(), program) as child:
        app = App.from_plugins([], read_sources(tmp_path, environ={}))

        findings = {item.message for item in examine(app, deploy=True) if item.check == "processes"}
        development = {item.check for item in examine(app, deploy=False)}
        for process in (orphan, child):
            process.communicate(b"\n")

    [message] = [text for text in findings if f"process {orphan.pid} " in text]
    assert f"worker) has outlived its supervisor {supervisor_id}, and may still hold" in message
    assert message.endswith(f"end it: kill -KILL {orphan.pid}")
    assert not any(f"process {child.pid} " in text for text in findings)
    assert "processes" not in development


def test_without_a_file_system_of_processes_there_are_none(tmp_path: Path) -> None:
    """On other systems than Linux."""
    assert find_orphans(tmp_path) == []
