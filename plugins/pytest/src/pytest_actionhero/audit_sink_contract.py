"""The contract suite for sinks of the audit log.

```python
from pytest_actionhero import AuditSinkContract


class TestAuditFile(AuditSinkContract):
    @pytest.fixture
    def sink(self, tmp_path):
        return AuditFile(tmp_path / "audit.jsonl")

    @pytest.fixture
    def stored(self, tmp_path):
        path = tmp_path / "audit.jsonl"
        return lambda: [json.loads(line)["details"] for line in path.read_text().splitlines()]
```
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from actionhero import AuditLog

if TYPE_CHECKING:
    from collections.abc import Callable

    from actionhero import AuditSink

#: Texts that forge lines, end strings and columns, or are not Unicode.
HOSTILE = "a\n{}\r\x00\x1b[2J\u2028\ud800'\"\\; DROP TABLE audit --"


class AuditSinkContract:
    """Inherit from it in a class `Test…`, and define the fixtures `sink` and `stored`."""

    @pytest.fixture
    def sink(self) -> AuditSink:
        """Return the tested sink, ready and empty."""
        raise NotImplementedError("a subclass of AuditSinkContract defines the fixture 'sink'")

    @pytest.fixture
    def stored(self) -> Callable[[], list[Any]]:
        """Return a function that returns the details of the stored events, in their order."""
        raise NotImplementedError("a subclass of AuditSinkContract defines the fixture 'stored'")

    @pytest.fixture
    def log(self, sink: AuditSink) -> AuditLog:
        """Return an audit log with the sink."""
        log = AuditLog()
        log.add_sinks([sink])
        return log

    def test_events_are_stored_in_their_order(
        self, log: AuditLog, stored: Callable[[], list[Any]]
    ) -> None:
        """All of them, once the application has ended."""
        for number in range(100):
            log.record("access", "failure", details={"number": number})
        asyncio.run(log.close())

        assert stored() == [{"number": number} for number in range(100)]

    def test_an_event_is_durable_when_it_was_written(
        self, log: AuditLog, stored: Callable[[], list[Any]]
    ) -> None:
        """`AuditLog.require` depends on it."""

        async def require() -> list[Any]:
            await log.require("access", details={"number": 1})
            return stored()

        assert asyncio.run(require()) == [{"number": 1}]

    def test_any_text_is_stored(self, log: AuditLog, stored: Callable[[], list[Any]]) -> None:
        """It is from a client. It may be escaped, but is no other event."""

        async def require() -> None:
            await log.require("access", user=HOSTILE, details={"name": HOSTILE})
            await log.require("access", details={"number": 2})

        asyncio.run(require())

        first, second = stored()
        assert list(first) == ["name"]
        assert second == {"number": 2}
