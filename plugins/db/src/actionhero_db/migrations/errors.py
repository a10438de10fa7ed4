"""The exceptions of migrations."""

from __future__ import annotations

from typing import ClassVar

from actionhero import BootError


class MigrationFailed(BootError):
    """Raised when a migration failed; the message describes the state of the tables."""

    exit_code: ClassVar[int] = 70


class MigrationRefused(BootError):
    """Raised when a migration would lose or break data, before anything was changed."""

    exit_code: ClassVar[int] = 1
