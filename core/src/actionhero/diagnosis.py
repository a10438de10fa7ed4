"""What `actionhero doctor` finds."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Finding(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What one check found; the hook `actionhero_diagnoses` returns them.

    Args:
        check: What was looked at.
        finding: How bad it is. `FAILED` makes the command exit 1.
        message: What was found, and what to do about it.
    """

    check: str
    finding: Finding
    message: str
