"""The log of the process: where it goes, and the line per call, which costs next to nothing."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import threading
import time
import warnings
from collections import deque
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol, TextIO

from actionhero.log_lines import LEVELS, ConsoleFormatter, JsonFormatter, stand_in, timestamp

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


class Handler(logging.Handler):
    """Writes records to a stream, after the calls that ended before. Never raises.

    Args:
        stream: Where to. It is not closed.
        calls: Whose lines go to the same stream.
    """

    def __init__(self, stream: TextIO, calls: CallLog) -> None:
        super().__init__()
        #: May be changed at any time.
        self.stream = stream
        self._calls = calls

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record."""
        if not hasattr(record, "request_id") and (current := request_id.get()) is not None:
            record.request_id = current
        try:
            line = self.format(record)
        except Exception as error:  # noqa: BLE001 - a line that cannot be made must stop nobody
            line = self.format(stand_in(record, error))
        self._calls.flush()
        self.write(line + "\n")

    def write(self, text: str) -> None:
        """Write text as it is; what cannot be written is lost."""
        try:
            try:
                self.stream.write(text)
            except UnicodeEncodeError as error:
                self.stream.write(
                    text.encode(error.encoding, "backslashreplace").decode(error.encoding)
                )
            self.stream.flush()
        except (OSError, ValueError, RuntimeError):
            # A pipe that nobody reads any more, a closed stream, or a signal while we wrote.
            return

    def flush(self) -> None:
        """Write the lines of calls that wait; also called when the process exits."""
        self._calls.flush()


class _Configuration:
    """What `configure` put in place, and what it found there."""

    def __init__(self, handler: Handler) -> None:
        root = logging.getLogger()
        self.handler = handler
        self.level = root.level
        # `logging.basicConfig` would write every record a second time.
        self.replaced = [h for h in root.handlers if type(h) is logging.StreamHandler]
        self.show_warning = warnings.showwarning

    def enter(self) -> None:
        root = logging.getLogger()
        for replaced in self.replaced:
            root.removeHandler(replaced)
        root.addHandler(self.handler)
        warnings.showwarning = _log_warning

    def leave(self) -> None:
        root = logging.getLogger()
        root.removeHandler(self.handler)
        for replaced in self.replaced:
            root.addHandler(replaced)
        root.setLevel(self.level)
        if warnings.showwarning is _log_warning:
            warnings.showwarning = self.show_warning
        self.handler.close()


_current: _Configuration | None = None


def configure(
    level: str = "info",
    format: Literal["console", "json"] = "console",
    colors: bool | None = None,
    stream: TextIO | None = None,
) -> None:
    """Send all logs of this process to one stream; called again, it replaces what it set.

    Args:
        level: One of `LEVELS`; less important records are dropped.
        format: Lines for people, or JSON.
        colors: `None`: on a terminal, unless `NO_COLOR` is set, or if `FORCE_COLOR` is.
        stream: `None`: standard error.

    Raises:
        ValueError: There is no such level or format.
    """
    global _current
    if level not in LEVELS:
        raise ValueError(f"log level {level!r} is unknown; there are: {', '.join(LEVELS)}")
    if format not in {"console", "json"}:
        raise ValueError(f"log format {format!r} is unknown; there are: console, json")
    stream = sys.stderr if stream is None else stream
    if _current is None:
        _current = _Configuration(Handler(stream, call_log))
        _current.enter()
    handler = _current.handler
    call_log.flush()
    handler.stream = stream
    formatter: JsonFormatter | ConsoleFormatter
    if format == "json":
        formatter = JsonFormatter()
    else:
        formatter = ConsoleFormatter(colors=wants_colors(stream) if colors is None else colors)
    handler.setFormatter(formatter)
    call_log._format = formatter.call
    logging.getLogger().setLevel(LEVELS[level])
    call_log._emit = handler.write
    call_log.enabled = LEVELS[level] <= logging.INFO


def add_facts(**facts: Any) -> None:
    """Put facts on every line that this process writes from now on, such as which worker it is."""
    call_log.facts |= facts
    make = logging.getLogRecordFactory()

    def make_with_facts(*args: Any, **options: Any) -> logging.LogRecord:
        record = make(*args, **options)
        vars(record).update(facts)
        return record

    logging.setLogRecordFactory(make_with_facts)


def shutdown() -> None:
    """Write what waits, and leave logging as `configure` found it."""
    global _current
    call_log.flush()
    call_log.enabled = False
    if _current is not None:
        _current.leave()
        _current = None


def wants_colors(stream: TextIO) -> bool:
    """Tell whether to color what is written to `stream`; `NO_COLOR` wins over `FORCE_COLOR`."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR", "0") not in {"", "0"}:
        return True
    return os.environ.get("TERM") != "dumb" and stream.isatty()


def _log_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    if file is not None:
        file.write(warnings.formatwarning(message, category, filename, lineno, line))
        return
    facts = {"category": category.__name__, "location": f"{filename}:{lineno}"}
    logging.getLogger("py.warnings").warning("%s", message, extra=facts)
