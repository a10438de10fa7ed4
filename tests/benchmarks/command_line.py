"""The cost of `actionhero --version` and `--help`, compared with a bare click program."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.benchmarks.figures import Reading, median
from tests.benchmarks.program import CLIENT_CORE, PEERS, environment

if TYPE_CHECKING:
    from collections.abc import Iterable

ROUNDS: Final = 21
QUICK_ROUNDS: Final = 9

#: Libraries for calls and servers, which a help page must not import.
HEAVY: Final = ("aiohttp", "pydantic", "rich")

_OURS: Final = str(Path(sys.executable).with_name("actionhero"))
COMMANDS: Final = {
    "click": [sys.executable, str(PEERS / "click_program.py"), "--help"],
    "version": [_OURS, "--version"],
    "help": [_OURS, "--help"],
}


def measure(keys: Iterable[str], *, quick: bool) -> dict[str, Reading]:
    """Return the figures `command_line.version` and `command_line.help`.

    Raises:
        RuntimeError: One of `HEAVY` is imported for them.
    """
    for option in ("--version", "--help"):
        _refuse_heavy(option)
    milliseconds: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for number in range((QUICK_ROUNDS if quick else ROUNDS) + 1):
        for name, command in COMMANDS.items():
            spent = _run(command)
            if number:
                milliseconds[name].append(spent)
    readings = {}
    for key in keys:
        name = key.rpartition(".")[2]
        ratios = [a / b for a, b in zip(milliseconds[name], milliseconds["click"], strict=True)]
        own, theirs = median(milliseconds[name]), median(milliseconds["click"])
        readings[key] = Reading(ratios, f"{own:.0f} ms over {theirs:.0f} ms")
    return readings


def _run(command: list[str]) -> float:
    """Run a program, and return the milliseconds of CPU time that it took."""
    process = subprocess.Popen(
        ["taskset", "-c", CLIENT_CORE, *command],
        cwd=PEERS.parent,
        env=environment(),
        stdout=subprocess.DEVNULL,
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} exits with {process.returncode}")
    return (usage.ru_utime + usage.ru_stime) * 1000


def _refuse_heavy(option: str) -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "actionhero", option],
        cwd=PEERS.parent,
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    heavy = sorted(imported.intersection(HEAVY))
    if heavy:
        raise RuntimeError(f"actionhero {option} imports {', '.join(heavy)}")
