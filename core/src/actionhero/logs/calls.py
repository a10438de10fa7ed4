"""The log line of each call, and the request identifier of what currently runs."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections import deque
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final, Protocol

from actionhero.logs.formatters import JsonFormatter, timestamp

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class Identified(Protocol):
    """What has the identifier of a request, such as a call."""

    @property
    def request_id(self) -> str:
        """The identifier."""


class RequestId:
    """What ties together all lines that are written because of one request, for who asks here."""

    def __init__(self) -> None:
        self._current: ContextVar[Identified | str | None] = ContextVar("request_id", default=None)
        #: Takes an identifier, or what has one and makes it when it is asked.
        self.set = self._current.set
        #: Takes what `set` returned.
        self.reset = self._current.reset

    def get(self) -> str | None:
        """Return the identifier of the request that all this is done for; `None`: for none."""
        current = self._current.get()
        return current if current is None or isinstance(current, str) else current.request_id


#: The one of what runs now.
request_id: Final = RequestId()


class CallLog:
    """The line per call, at INFO, made without a logging record.

    Lines wait for a tenth of a second, or until there are 500, and are then written together;
    without a running event loop they are written at once. `configure` says where to and how.
    """

    _delay_seconds: Final = 0.1
    _most_waiting: Final = 500

    def __init__(self) -> None:
        #: Whether anybody wants the lines. Ask before you work out what `write` takes.
        self.enabled = False
        #: What is on every line, such as the number of the process.
        self.facts: dict[str, Any] = {}
        self._lines: deque[str] = deque()
        self._emit: Callable[[str], None] = lambda lines: None
        self._format: Callable[[Mapping[str, Any]], str] = JsonFormatter().call
        # The loop whose timer will flush; `None`: no timer is set.
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lock = threading.RLock()
        if hasattr(os, "register_at_fork"):
            # The lines that wait are the parent's, and so is its loop.
            os.register_at_fork(after_in_child=self._forget)

    def write(
        self,
        action: str,
        transport: str,
        outcome: str,
        milliseconds: float,
        request_id: str | None,
        remote: str | None,
        inputs: Mapping[str, Any],
    ) -> None:
        """Write that a call has ended. Never raises.

        Args:
            action: Its name.
            transport: The kind of door that it came in by.
            outcome: `ok`, `cancelled`, or the type of the error.
            milliseconds: How long it took.
            request_id: Which request it belongs to.
            remote: Who called.
            inputs: As they may be shown: secrets are already redacted, long values cut.
        """
        if not self.enabled:
            return
        self._lines.append(
            self._format(
                {
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
                    **self.facts,
                }
            )
        )
        loop = asyncio._get_running_loop()
        if loop is None or len(self._lines) >= self._most_waiting:
            self.flush()
        elif loop is not self._loop:
            self._loop = loop
            loop.call_later(self._delay_seconds, self._on_timer)

    def flush(self) -> None:
        """Write all lines that wait. Never raises."""
        lines = self._lines
        with self._lock:
            waiting = []
            while lines:
                # Other threads may add lines meanwhile, and here each is taken exactly once.
                waiting.append(lines.popleft())
            if waiting:
                self._emit("\n".join(waiting) + "\n")

    def _on_timer(self) -> None:
        self._loop = None
        self.flush()

    def _forget(self) -> None:
        self._lines.clear()
        self._loop = None
        self._lock = threading.RLock()


#: The one of this process.
call_log: Final = CallLog()
