"""Streams of a server: line by line, and their end by a signal or a closed pipe."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.remote.conftest import Far, Server


def test_an_interrupt_ends_the_stream_on_both_sides(server: Server, far: Far) -> None:
    """The previous items have been written, and the server cancels the call."""
    running = far.start("--url", far.url, "call", "stream:open", "--count", "2")
    running.wait_for_output("1\n")

    command = running.stop(signal.SIGINT)

    assert (command.code, command.stdout, command.stderr) == (130, "0\n1\n", "")
    server.running.wait_for("stream closed")


def test_a_termination_exits_with_143(server: Server, far: Far) -> None:
    """Without a traceback."""
    running = far.start("--url", far.url, "call", "stream:open", "--count", "1")
    running.wait_for_output("0\n")

    command = running.stop(signal.SIGTERM)

    assert (command.code, command.stderr) == (143, "")


def test_a_closed_pipe_ends_the_stream_on_both_sides(server: Server, far: Far) -> None:
    """As `| head -1` closes it."""
    process = subprocess.Popen(
        [sys.executable, "-m", "actionhero", "--url", far.url, "call", "stream:endless"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(far.home),
            "ACTIONHERO_PLUGINS__ENABLED": "remote",
        },
    )
    assert process.stdout is not None
    assert process.stderr is not None
    assert process.stdout.readline().startswith(b'"more more')
    process.stdout.close()

    assert process.wait(30) == 1
    with process.stderr:
        assert process.stderr.read() == b""
    server.running.wait_for("endless closed")
