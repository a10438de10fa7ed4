"""`CallLog`: one log line per call, and the identifier of the current request."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections import deque
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final, Protocol

from actionhero.logs.formatters import JsonFormatter, timestamp
from actionhero.logs.taps import taps

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class HasRequestId(Protocol):
    """An object with the identifier of a request, such as a call."""

    @property
    def request_id(self) -> str:
        """The identifier."""


class RequestId:
    """The identifier of the request that the current code runs for; it is on every log line."""

    def __init__(self) -> None:
        self._current: ContextVar[HasRequestId | str | None] = ContextVar(
            "request_id", default=None
        )
        #: Sets an identifier, or an object that creates it on first access.
        self.set = self._current.set
        #: Resets the token that `set` returned.
        self.reset = self._current.reset
        #: Returns what was set; in a call, that is the call.
        self.source = self._current.get

    def get(self) -> str | None:
        """Return the identifier of the current request; `None`: there is no request."""
        current = self._current.get()
        return current if current is None or isinstance(current, str) else current.request_id


#: That of the current context.
request_id: Final = RequestId()

#: Facts on every log line of the current context, such as the id of a job: set a mapping.
context_facts: Final[ContextVar[Mapping[str, Any] | None]] = ContextVar(
    "context_facts", default=None
)


class CallLog:
    """The log lines of calls, at INFO, which are written without a logging record.

    Lines are buffered for a tenth of a second, or until there are 500, and written together.
    Without a running event loop they are written immediately. `configure` sets stream and format.
    """

    _delay_seconds: Final = 0.1
    _buffer_size: Final = 500

    def __init__(self) -> None:
        #: Whether lines are written. Check it before computing the arguments of `write`.
        self.enabled = False
        #: Facts on every line, such as the process id.
        self.facts: dict[str, Any] = {}
        self._lines: deque[str] = deque()
        self._emit: Callable[[str], None] = lambda lines: None
        self._format: Callable[[Mapping[str, Any]], str] = JsonFormatter().format_call
        # The loop with the timer for the next flush; `None`: there is no timer.
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lock = threading.RLock()
        if hasattr(os, "register_at_fork"):
            # The buffered lines and the loop belong to the parent process.
            os.register_at_fork(after_in_child=self._reset)

    def write(
        self,
        action: str,
        transport: str,
        outcome: str,
        milliseconds: float,
        request_id: str | None,
        remote: str | None,
        inputs: Mapping[str, Any],
        facts: Mapping[str, Any] | None = None,
    ) -> None:
        """Write the line of a call. Never raises.

        Args:
            action: The name of the action.
            transport: The transport of the connection.
            outcome: `ok`, `cancelled`, or the type of the error.
            milliseconds: The duration.
            request_id: The identifier of the request.
            remote: The address of the client.
            inputs: The inputs, redacted and truncated.
            facts: Further facts, of observers.
        """
        if not self.enabled:
            return
        line = {
            "timestamp": timestamp(time.time()),
            "level": "info",
            "logger": "actionhero.call",
            "message": "call",
            "action": action,
            "transport": transport,
            "outcome": outcome,
            "milliseconds": round(milliseconds, 3),
            "request_id": request_id,
            "remote": remote,
            "inputs": inputs,
            **(context_facts.get() or {}),
            **self.facts,
            **(facts or {}),
        }
        self._lines.append(self._format(line))
        if taps:
            taps.pass_on(line)
        loop = asyncio._get_running_loop()
        if loop is None or len(self._lines) >= self._buffer_size:
            self.flush()
        elif loop is not self._loop:
            self._loop = loop
            loop.call_later(self._delay_seconds, self._on_timer)

    def flush(self) -> None:
        """Write the buffered lines. Never raises."""
        lines = self._lines
        with self._lock:
            buffered = []
            while lines:
                # One by one, because other threads may append lines at the same time.
                buffered.append(lines.popleft())
            if buffered:
                self._emit("\n".join(buffered) + "\n")

    def _on_timer(self) -> None:
        self._loop = None
        self.flush()

    def _reset(self) -> None:
        self._lines.clear()
        self._loop = None
        self._lock = threading.RLock()


#: That of this process.
call_log: Final = CallLog()
