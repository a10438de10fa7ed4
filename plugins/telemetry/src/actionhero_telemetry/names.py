"""The names of metrics: lower case with dots here, with underscores for Prometheus."""

from __future__ import annotations

import re
from typing import Final

#: A name: words with dots between them.
NAME: Final = re.compile(r"[a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*)*")
#: The name of a label.
LABEL: Final = re.compile(r"[a-z][a-z0-9_]*")
#: The labels that histograms, and the values of processes, have themselves.
RESERVED_LABELS: Final = frozenset({"le", "pid", "quantile"})
#: The base units of Prometheus, by the abbreviations of OpenTelemetry.
UNITS: Final = {"s": "seconds", "By": "bytes", "1": "ratio", "%": "percent", "V": "volts"}


def name_error(name: str, labels: tuple[str, ...]) -> str | None:
    """Return the fault of a name or of its labels; `None` if there is none."""
    if not NAME.fullmatch(name):
        return "is not a dotted name in lower case, such as 'shop.orders'"
    for label in labels:
        if not LABEL.fullmatch(label) or label in RESERVED_LABELS:
            return f"has the invalid label {label!r}; use a lower-case name other than 'le'"
    if len(set(labels)) < len(labels):
        return "has two labels of one name"
    return None


def exposed_name(name: str, unit: str) -> str:
    """Return the name for Prometheus, without the `_total` of counters.

    Raises:
        ValueError: The unit contains other characters than letters.
    """
    exposed = name.replace(".", "_")
    suffix = exposed_unit(unit)
    if suffix and not exposed.endswith(f"_{suffix}"):
        exposed = f"{exposed}_{suffix}"
    return exposed


def exposed_unit(unit: str) -> str:
    """Return a unit as Prometheus spells it; empty for a number of things."""
    return UNITS.get(unit, re.sub(r"\W+", "_", unit, flags=re.ASCII).strip("_"))
