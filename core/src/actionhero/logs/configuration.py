"""Configuration of logging: one stream for all log lines of the process."""

from __future__ import annotations

import logging
import os
import sys
import warnings
from typing import Any, Literal, TextIO

from actionhero.logs.calls import CallLog, call_log, request_id
from actionhero.logs.formatters import LEVELS, ConsoleFormatter, JsonFormatter, stand_in


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
