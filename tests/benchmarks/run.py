"""Measure our speed in comparison with other frameworks, and check the limits.

    nox -s bench                 everything, a quarter of an hour or more
    nox -s bench -- --quick      fewer rounds
    nox -s bench -- in_process   one kind: in_process, over_http, data, growth, sockets, agents,
                                 tasks, limits, telemetry, cold_start or command_line
    nox -s bench -- --markdown   the table for the documentation

Exits with 1 if a figure is beyond its limit. It needs Linux, two cores, `taskset` and `wrk`.
"""

from __future__ import annotations

import argparse
import importlib
import multiprocessing
import os
import shutil
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, cast

# Run as a file, so Python searches modules beside it; ours are named from the root.
sys.path[0] = str(Path(__file__).parents[2])

from tests.benchmarks import report  # noqa: E402
from tests.benchmarks.figures import FIGURES  # noqa: E402

if TYPE_CHECKING:
    from tests.benchmarks.figures import Reading

#: The modules that measure.
KINDS = (
    *("in_process", "over_http", "data", "growth", "sockets", "agents", "tasks", "limits"),
    *("telemetry", "cold_start", "command_line"),
)

#: How often a figure is measured at most: the machine is noisy, and one bad moment proves nothing.
ATTEMPTS = 3


def main() -> int:
    """Measure, print, and return the exit code."""
    parser = argparse.ArgumentParser(
        description=(__doc__ or "").strip(), formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("kinds", nargs="*", metavar="KIND", help=f"one of {', '.join(KINDS)}")
    parser.add_argument("--quick", action="store_true", help="measure fewer rounds")
    parser.add_argument("--markdown", action="store_true", help="print a table in Markdown")
    arguments = parser.parse_args()
    for kind in arguments.kinds:
        if kind not in KINDS:
            parser.error(f"unknown kind {kind!r}; available: {', '.join(KINDS)}")
    kinds = [kind for kind in KINDS if kind in (arguments.kinds or KINDS)]
    missing = _missing_program(kinds)
    if missing:
        parser.error(f"{missing} is needed to measure")
    print(report.machine(), flush=True)
    readings: dict[str, Reading] = {}
    for kind in kinds:
        readings |= _measure_until_it_holds(kind, quick=arguments.quick)
    print()
    print(report.table(readings, markdown=arguments.markdown))
    failed = [f for f in FIGURES if f.key in readings and not f.holds(readings[f.key])]
    if failed:
        print(f"\nbeyond the limit: {'; '.join(figure.title for figure in failed)}")
    return 1 if failed else 0


def _measure_until_it_holds(kind: str, *, quick: bool) -> dict[str, Reading]:
    figures = {figure.key: figure for figure in FIGURES if figure.key.startswith(f"{kind}.")}
    readings: dict[str, Reading] = {}
    keys = list(figures)
    for attempt in range(1, ATTEMPTS + 1):
        print(f"measuring {kind} ...", file=sys.stderr, flush=True)
        # In a process of its own: libraries that this one had loaded would be shared with the
        # servers, and count for less of their memory.
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(max_workers=1, mp_context=context) as fresh:
            measured = fresh.submit(_measure, kind, keys, quick).result()
        for reading in measured.values():
            reading.attempts = attempt
        readings |= measured
        keys = [key for key in keys if not figures[key].holds(readings[key])]
        if not keys:
            break
        for key in keys:
            again = "measuring it again" if attempt < ATTEMPTS else "that was the last attempt"
            print(
                f"{figures[key].title}: {readings[key].median:.2f} fails; the machine may have "
                f"been busy: {again}",
                flush=True,
            )
    return readings


def _measure(kind: str, keys: list[str], quick: bool) -> dict[str, Reading]:
    module = importlib.import_module(f"tests.benchmarks.{kind}")
    return cast("dict[str, Reading]", module.measure(keys, quick=quick))


def _missing_program(kinds: list[str]) -> str | None:
    """Return the requirement of `kinds` that this machine does not meet."""
    if sys.platform != "linux":
        return "Linux"
    of_two_cores = {"over_http", "data", "sockets", "agents", "tasks", "cold_start"}
    if of_two_cores.intersection(kinds) and len(os.sched_getaffinity(0)) < 2:
        return "a machine with two cores"
    loads = bool({"over_http", "data", "agents"}.intersection(kinds))
    programs = ["taskset", "wrk"] if loads else ["taskset"]
    return next((program for program in programs if shutil.which(program) is None), None)


if __name__ == "__main__":
    sys.exit(main())
