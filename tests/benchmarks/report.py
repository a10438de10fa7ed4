"""The report of the figures: a table on the terminal, or in Markdown."""

from __future__ import annotations

import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.benchmarks.figures import FIGURES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.benchmarks.figures import Figure, Reading

#: The first two fit on a phone.
_HEADINGS: Final = ("figure", "measured: median (min..max)", "must hold", "aim", "result", "of")
_LIBRARIES: Final = (
    "actionhero", "aiohttp", "uvloop", "pydantic", "orjson", "redis", "fastapi", "uvicorn", "click",
    "litestar", "sqlalchemy", "asyncpg", "dramatiq", "celery", "mcp", "fastmcp",
)  # fmt: skip


def table(readings: Mapping[str, Reading], *, markdown: bool) -> str:
    """Return all figures, one a row."""
    rows = [_row(figure, readings[figure.key]) for figure in FIGURES if figure.key in readings]
    if markdown:
        lines = [_HEADINGS, ("---",) * len(_HEADINGS), *rows]
        return "\n".join(f"| {' | '.join(line)} |" for line in lines)
    widths = [max(map(len, column)) for column in zip(_HEADINGS, *rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in (_HEADINGS, *rows)
    )


def machine() -> str:
    """Return the machine and the versions, in one line."""
    cpu = "unknown CPU"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            cpu = line.partition(":")[2].strip()
            break
    libraries = ", ".join(f"{name} {version(name)}" for name in _LIBRARIES)
    system = f"{platform.system()} {'.'.join(platform.release().split('.')[:2])}"
    return (
        f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores of {cpu}, "
        f"{system}, Python {platform.python_version()}; "
        f"{libraries}; {_wrk()}"
    )


def _row(figure: Figure, reading: Reading) -> tuple[str, ...]:
    digits = 0 if figure.unit in {"KiB", "MiB", "jobs"} else 2
    spread = f"{min(reading.values):.{digits}f}..{max(reading.values):.{digits}f}"
    bound = "≤ " if figure.lower_is_better else "≥ "
    result = figure.result(reading)
    if reading.attempts > 1:
        result += f" (attempt {reading.attempts})"
    return (
        figure.title,
        f"{reading.median:.{digits}f} {figure.unit} ({spread})",
        "" if figure.must is None else f"{bound}{figure.must:g} {figure.unit}",
        "" if figure.aim is None else f"{bound}{figure.aim:g} {figure.unit}",
        result,
        reading.note,
    )


def _wrk() -> str:
    done = subprocess.run(["wrk", "--version"], capture_output=True, text=True, check=False)
    return " ".join(done.stdout.split()[:2])
