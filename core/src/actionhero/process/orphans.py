"""Processes that have outlived the supervisor that started them."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import NamedTuple

from actionhero.process.parent import PARENT_VARIABLE


class Orphan(NamedTuple):
    """A process without its supervisor."""

    id: int
    supervisor_id: int
    command: str


def find_orphans(processes: Path = Path("/proc")) -> list[Orphan]:
    """Return the processes of this user whose supervisor has ended; none without /proc.

    They end with it, unless code that never returns blocks them. Then they still hold the jobs,
    connections and files of a process that was replaced.

    Args:
        processes: The file system of processes.
    """
    orphans = []
    prefix = f"{PARENT_VARIABLE}=".encode()
    for folder in sorted(processes.glob("[0-9]*"), key=lambda path: int(path.name)):
        # A process of another user, or one that has ended meanwhile.
        with contextlib.suppress(OSError):
            variables = (folder / "environ").read_bytes().split(b"\0")
            supervisors = [v.removeprefix(prefix) for v in variables if v.startswith(prefix)]
            for supervisor in supervisors:
                is_child = int(folder.name) != os.getpid() and supervisor.isdigit()
                if is_child and not (processes / supervisor.decode()).exists():
                    command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").strip()
                    text = command.decode("utf-8", "replace")
                    orphans.append(Orphan(int(folder.name), int(supervisor), text))
    return orphans
