"""Processes that have outlived the supervisor that started them."""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path
from typing import Final, NamedTuple

from actionhero.process.parent import PARENT_VARIABLE

#: A variable, or the name of an open file without a place in the file system.
_MARK: Final = re.compile(rf"(?:/memfd:)?{PARENT_VARIABLE}=(\d+)(?: \(deleted\))?", re.ASCII)


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
    for folder in sorted(processes.glob("[0-9]*"), key=lambda path: int(path.name)):
        # A process of another user, or one that has ended meanwhile.
        with contextlib.suppress(OSError):
            for supervisor in sorted(_supervisors_of(folder)):
                is_child = int(folder.name) != os.getpid()
                if is_child and not (processes / str(supervisor)).exists():
                    command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").strip()
                    text = command.decode("utf-8", "replace")
                    orphans.append(Orphan(int(folder.name), supervisor, text))
    return orphans


def _supervisors_of(process: Path) -> set[int]:
    """Return the id of the supervisor of a process, from its variables or its open files."""
    variables = (process / "environ").read_bytes().decode("latin-1").split("\0")
    files = [os.readlink(link) for link in (process / "fd").iterdir()]
    return {int(match[1]) for text in (*variables, *files) if (match := _MARK.fullmatch(text))}
