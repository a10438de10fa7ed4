"""The contract suite for sinks accepts a file."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from actionhero import AuditEvent, AuditSink
from pytest_actionhero import AuditSinkContract

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class AuditFile(AuditSink):
    """Appends events to a file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def write(self, event: AuditEvent) -> None:
        """Append an event."""
        with self._path.open("a", encoding="ascii") as file:
            file.write(event.to_json() + "\n")


class TestAuditFile(AuditSinkContract):
    """A file with one line per event."""

    @pytest.fixture
    def sink(self, tmp_path: Path) -> AuditSink:
        """Return the sink."""
        return AuditFile(tmp_path / "audit.jsonl")

    @pytest.fixture
    def stored(self, tmp_path: Path) -> Callable[[], list[Any]]:
        """Return a function that reads the file."""
        path = tmp_path / "audit.jsonl"
        return lambda: [json.loads(line)["details"] for line in path.read_text().splitlines()]
