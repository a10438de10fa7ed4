"""Configuration of logging: one stream for all log lines of the process."""

from __future__ import annotations

import logging
import sys
import warnings
from typing import TYPE_CHECKING, Any, Literal, TextIO

from actionhero.logs.calls import CallLog, call_log, context_facts, request_id
from actionhero.logs.colors import uses_colors
from actionhero.logs.formatters import (
    LEVELS,
    ConsoleFormatter,
    JsonFormatter,
    facts_of,
    is_audit_event,
    replacement_record,
)
from actionhero.logs.taps import taps

if TYPE_CHECKING:
    from pathlib import Path


class Handler(logging.Handler):
    """Writes records to a stream, after the lines of earlier calls. Never raises.

    Args:
        stream: The stream. It is not closed.
        calls: The log of calls, which writes to the same stream.
    """

    def __init__(self, stream: TextIO, calls: CallLog) -> None:
        super().__init__()
        #: Can be changed at any time.
        self.stream = stream
        self._calls = calls

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record."""
        if not hasattr(record, "request_id") and (current := request_id.get()) is not None:
            record.request_id = current
        if (facts := context_facts.get()) is not None:
            # Facts of the record itself take precedence.
            vars(record).update({**facts, **vars(record)})
        try:
            # An audit event is the same line in every format.
            line = record.getMessage() if is_audit_event(record) else self.format(record)
        except Exception as error:  # noqa: BLE001 - an invalid record must not raise
            line = self.format(replacement_record(record, error))
        self._calls.flush()
        self.write(line + "\n")
        if taps:
            taps.pass_on(_facts_of(record))

    def write(self, text: str) -> None:
        """Write text. Text that cannot be written is lost."""
        try:
            try:
                self.stream.write(text)
            except UnicodeEncodeError as error:
                self.stream.write(
                    text.encode(error.encoding, "backslashreplace").decode(error.encoding)
                )
            self.stream.flush()
        except (OSError, ValueError, RuntimeError):
            # A broken pipe, a closed stream, or a signal during a write.
            return

    def flush(self) -> None:
        """Write the buffered lines of calls; also called at exit."""
        self._calls.flush()


def _facts_of(record: logging.LogRecord) -> dict[str, Any]:
    try:
        return facts_of(record)
    except Exception as error:  # noqa: BLE001 - an invalid record must not raise
        return facts_of(replacement_record(record, error))


class _Configuration:
    """Installs a handler, and holds the state of logging before that."""

    def __init__(self, handler: Handler) -> None:
        root = logging.getLogger()
        self.handler = handler
        self.level = root.level
        # The handler of `logging.basicConfig` would write every record twice.
        self.replaced = [h for h in root.handlers if type(h) is logging.StreamHandler]
        self.show_warning = warnings.showwarning
        for replaced in self.replaced:
            root.removeHandler(replaced)
        root.addHandler(handler)
        warnings.showwarning = _log_warning

    def restore(self) -> None:
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
    root: Path | None = None,
) -> None:
    """Send all logs of this process to one stream. A second call replaces the configuration.

    Args:
        level: One of `LEVELS`, the lowest that is logged.
        format: Readable lines, or JSON.
        colors: `None`: on a terminal, unless `NO_COLOR` is set, or if `FORCE_COLOR` is.
        stream: `None`: standard error.
        root: The folder of the application, to fold the frames of libraries in the tracebacks of
            readable lines; `None`: no frame is folded.

    Raises:
        ValueError: The level or the format is unknown.
    """
    global _current
    if level not in LEVELS:
        raise ValueError(f"unknown log level {level!r}; available: {', '.join(LEVELS)}")
    if format not in {"console", "json"}:
        raise ValueError(f"unknown log format {format!r}; available: console, json")
    stream = sys.stderr if stream is None else stream
    if _current is None:
        _current = _Configuration(Handler(stream, call_log))
    handler = _current.handler
    call_log.flush()
    handler.stream = stream
    formatter: JsonFormatter | ConsoleFormatter
    if format == "json":
        formatter = JsonFormatter()
    else:
        colors = uses_colors(stream) if colors is None else colors
        formatter = ConsoleFormatter(colors=colors, root=root)
    handler.setFormatter(formatter)
    call_log._format = formatter.format_call
    logging.getLogger().setLevel(LEVELS[level])
    call_log._emit = handler.write
    call_log.enabled = LEVELS[level] <= logging.INFO


def add_facts(**facts: Any) -> None:
    """Add facts to every further log line of this process, such as the number of a worker."""
    call_log.facts |= facts
    factory = logging.getLogRecordFactory()

    def make_record(*args: Any, **options: Any) -> logging.LogRecord:
        record = factory(*args, **options)
        vars(record).update(facts)
        return record

    logging.setLogRecordFactory(make_record)


def shutdown() -> None:
    """Write the buffered lines, and restore the state of logging before `configure`."""
    global _current
    call_log.flush()
    call_log.enabled = False
    if _current is not None:
        _current.restore()
        _current = None


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
