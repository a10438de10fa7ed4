"""Kill the processes that tests have started: `python reaper.py PID TEMPORARY BASE`.

It waits for the end of the process PID, of the tests. A process was started by them if TEMPORARY
is its TMPDIR, or if its working folder is in TEMPORARY or BASE. Linux only: other systems have no
/proc.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

POLL_SECONDS = 0.2


def is_started(process: Path, temporary: str, base: str) -> bool:
    """Return whether the tests have started a process, by its folder in /proc."""
    with suppress(OSError):
        if f"TMPDIR={temporary}".encode() in (process / "environ").read_bytes().split(b"\0"):
            return True
        # Redis, PostgreSQL and nginx overwrite their environment with a title.
        folder = Path(os.readlink(process / "cwd").removesuffix(" (deleted)"))
        return folder.is_relative_to(temporary) or folder.is_relative_to(base)
    return False


def main(pid: int, temporary: str, base: str) -> None:
    """Wait for the end of a process, and kill the processes that it has left."""
    while os.getppid() == pid:
        time.sleep(POLL_SECONDS)
    # Until there is none: a killed process may have started another one.
    while started := [
        each for each in Path("/proc").glob("[0-9]*") if is_started(each, temporary, base)
    ]:
        for process in started:
            with suppress(OSError):
                os.kill(int(process.name), signal.SIGKILL)
        time.sleep(POLL_SECONDS)
    shutil.rmtree(temporary, ignore_errors=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], sys.argv[3])
