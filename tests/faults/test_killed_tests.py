"""A run of tests that is killed leaves no processes."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.conftest import ROOT, TIMEOUT_SECONDS

pytestmark = pytest.mark.platform("linux")

#: Starts a process in the folder of the test, and another one elsewhere, each in its own session.
TESTS = """
import os
import subprocess
from pathlib import Path


def test_processes(tmp_path: Path) -> None:
    for options in ({"cwd": tmp_path, "env": {}}, {"cwd": "/"}):
        process = subprocess.Popen(["/bin/sleep", "300"], start_new_session=True, **options)
        print(process.pid, flush=True)
    os.kill(os.getpid(), 9)
"""


def is_running(pid: int) -> bool:
    """Return whether a process is running, and not a zombie."""
    try:
        return " Z " not in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False


def test_processes_of_killed_tests_are_killed(tmp_path: Path) -> None:
    """Each one, whatever its session, and the temporary files are removed."""
    path = tmp_path / "test_processes.py"
    path.write_text(TESTS, encoding="utf-8")
    options = ("-pconftest", "-pno:cacheprovider", "-s", "-q", f"--basetemp={tmp_path / 'base'}")

    killed = subprocess.run(
        [sys.executable, "-m", "pytest", *options, str(path)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )

    started = [int(line) for line in killed.stdout.split() if line.isdigit()]
    assert (killed.returncode, len(started)) == (-9, 2)
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while any(map(is_running, started)) or list(tmp_path.glob("tests-*")):
        assert time.monotonic() < deadline
        time.sleep(0.02)
