"""Structured logs, for people or for machines, and the line per call, which costs next to nothing."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import sys
import threading
import time
import traceback
import warnings
from collections import deque
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final, Literal, TextIO

from actionhero import json
from actionhero.redaction import mask_url, redact_sensitive

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from actionhero.redaction import Scrubber

#: What ties together all lines that are written because of one request.
request_id: ContextVar[str | None] = ContextVar("request_id", default=None)

#: The names of the levels, as settings and lines have them, from the least important up.
LEVELS: Final[dict[str, int]] = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warn": logging.WARNING,
    "error": logging.ERROR,
    "fatal": logging.CRITICAL,
}

_COLORS: Final = {"debug": "2", "info": "32", "warn": "33", "error": "31", "fatal": "1;31"}
_OWN_KEYS: Final = frozenset({"timestamp", "level", "logger", "message", "exception"})
# What a record has without `extra`; the rest of its attributes is what somebody wants to be seen.
_STANDARD: Final = frozenset(vars(logging.makeLogRecord({}))) | {
    "asctime", "message", "scrubber", "taskName",
}  # fmt: skip

# Control characters, line separators, what turns the direction of text, and lone surrogates: with
# these a line could look like two, or like another one.
_UNPRINTABLE: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
_BARE_VALUE: Final = re.compile(r"[^\s\"'={}\[\]]+")


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
        self._lines: deque[str] = deque()
        self._emit: Callable[[str], None] = lambda lines: None
        self._format: Callable[[dict[str, Any]], str] = _json_call
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
                    "timestamp": _timestamp(time.time()),
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
                self._emit("".join(waiting))

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
        try:
            line = self.format(record)
        except Exception as error:  # noqa: BLE001 - a line that cannot be made must stop nobody
            line = self.format(_stand_in(record, error))
        self._calls.flush()
        self.write(line + "\n")

    def write(self, text: str) -> None:
        """Write text as it is; what cannot be written is lost."""
        try:
            self._write(text)
        except UnicodeEncodeError:
            encoding = getattr(self.stream, "encoding", None) or "ascii"
            self._write(text.encode(encoding, "backslashreplace").decode(encoding))

    def _write(self, text: str) -> None:
        try:
            self.stream.write(text)
            self.stream.flush()
        except UnicodeEncodeError:
            raise
        except (OSError, ValueError):
            # A pipe that nobody reads any more, or a closed stream: there is nobody left to tell.
            return

    def flush(self) -> None:
        """Write the lines of calls that wait; also called when the process exits."""
        self._calls.flush()


class JsonFormatter(logging.Formatter):
    """One JSON object per line."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line for a record."""
        scrub = _cleaner(record)
        line: dict[str, Any] = {
            "timestamp": _timestamp(record.created),
            "level": _level_name(record.levelno),
            "logger": record.name,
            "message": scrub(record.getMessage()),
            **_facts(record, scrub),
        }
        if record.exc_info and record.exc_info[1] is not None:
            error = record.exc_info[1]
            line["exception"] = {
                "type": type(error).__qualname__,
                "message": scrub(str(error)),
                "stack": scrub(_stack(record)),
            }
        elif record.stack_info:
            line["exception"] = {"stack": scrub(record.stack_info)}
        return _json(line)


class ConsoleFormatter(logging.Formatter):
    """Lines that people read: time, level, logger, message, facts, and the traceback below.

    Args:
        colors: Whether to color them.
    """

    def __init__(self, *, colors: bool) -> None:
        super().__init__()
        self.colors = colors

    def format(self, record: logging.LogRecord) -> str:
        """Return the line for a record."""
        scrub = _cleaner(record)
        text = self.line(
            record.created,
            _level_name(record.levelno),
            record.name,
            scrub(record.getMessage()),
            _facts(record, scrub),
        )
        for below in (_stack(record), record.stack_info):
            if below:
                # Indented, so that no line of it can pass for one of ours.
                rows = scrub(below).rstrip().splitlines()
                text += "".join(f"\n    {_printable(row)}" for row in rows)
        return text

    def line(
        self, created: float, level: str, logger: str, message: str, facts: Mapping[str, Any]
    ) -> str:
        """Return a line without what stands below it."""
        clock = time.strftime("%H:%M:%S", time.localtime(created))
        parts = [
            self._dim(f"{clock}.{int(created % 1 * 1000):03d}"),
            self._colored(_COLORS[level], f"{level.upper():<5}"),
            self._dim(_printable(logger)),
            _printable(message),
        ]
        parts += (
            f"{self._dim(_printable(str(name)) + '=')}{_readable(value)}"
            for name, value in facts.items()
            if value is not None
        )
        return " ".join(parts)

    def call(self, facts: dict[str, Any]) -> str:
        """Return the line for a call."""
        shown = ("transport", "milliseconds", "request_id", "remote", "inputs")
        message = f"{facts['action']} {facts['outcome']}"
        wanted = {name: facts[name] for name in shown}
        return self.line(time.time(), "info", facts["logger"], message, wanted) + "\n"

    def _dim(self, text: str) -> str:
        return self._colored("2", text)

    def _colored(self, code: str, text: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self.colors else text


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
    global _current  # noqa: PLW0603 - logging is one for the process, and so is its set-up
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
    formatter: logging.Formatter
    if format == "json":
        formatter = JsonFormatter()
        call_log._format = _json_call
    else:
        colored = wants_colors(stream) if colors is None else colors
        formatter = console = ConsoleFormatter(colors=colored)
        call_log._format = console.call
    handler.setFormatter(formatter)
    logging.getLogger().setLevel(LEVELS[level])
    call_log._emit = handler.write
    call_log.enabled = LEVELS[level] <= logging.INFO


def shutdown() -> None:
    """Write what waits, and leave logging as `configure` found it."""
    global _current  # noqa: PLW0603 - see `configure`
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


def _stand_in(record: logging.LogRecord, error: Exception) -> logging.LogRecord:
    """Return a record in place of one that cannot be formatted: its arguments do not fit, say."""
    facts = {"format_error": type(error).__name__, "location": f"{record.pathname}:{record.lineno}"}
    level = {"levelno": record.levelno, "levelname": record.levelname, "created": record.created}
    return logging.makeLogRecord({"name": record.name, "msg": str(record.msg), **level, **facts})


def _cleaner(record: logging.LogRecord) -> Callable[[str], str]:
    """Return what takes secrets out of the texts of a record."""
    scrubber: Scrubber | None = getattr(record, "scrubber", None)
    if scrubber is None:
        return mask_url
    return lambda text: mask_url(scrubber.scrub(text))


def _facts(record: logging.LogRecord, scrub: Callable[[str], str]) -> dict[str, Any]:
    """Return what was given as `extra`, without secrets, and the id of the request."""
    given = {name: value for name, value in vars(record).items() if name not in _STANDARD}
    facts = _scrubbed(redact_sensitive(given), scrub)
    if "request_id" not in facts and (current := request_id.get()) is not None:
        facts["request_id"] = current
    return {f"{name}_" if name in _OWN_KEYS else name: facts[name] for name in facts}


def _scrubbed(value: Any, scrub: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return scrub(value)
    if isinstance(value, dict):
        return {name: _scrubbed(item, scrub) for name, item in value.items()}
    if isinstance(value, list):
        return [_scrubbed(item, scrub) for item in value]
    if isinstance(value, int | float | None):
        return value
    # Whatever else it is, its text may tell a secret.
    return scrub(str(value))


def _stack(record: logging.LogRecord) -> str:
    if record.exc_info and record.exc_info[0] is not None:
        return "".join(traceback.format_exception(*record.exc_info)).rstrip()
    return record.exc_text or ""


def _level_name(number: int) -> str:
    """Return the name of the highest level that is not above `number`."""
    for name, level in reversed(LEVELS.items()):
        if number >= level:
            return name
    return "debug"


def _printable(text: str) -> str:
    return _UNPRINTABLE.sub(lambda found: ascii(found[0])[1:-1], text)


def _readable(value: Any) -> str:
    text = value if isinstance(value, str) else _json(value)
    bare = not isinstance(value, str) or _BARE_VALUE.fullmatch(text)
    return _printable(text if bare else _json(text))


def _json(value: Any) -> str:
    try:
        return json.dumps(value).decode()
    except TypeError:
        return json.dumps(_text_leaves(value)).decode()


def _text_leaves(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(name): _text_leaves(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_text_leaves(item) for item in value]
    if isinstance(value, str | int | float | None):
        return value
    # What is not known to JSON might tell more than its name in its text.
    return f"<{type(value).__qualname__}>"


def _json_call(facts: dict[str, Any]) -> str:
    return _json(facts) + "\n"


class _Clock:
    """Remembers the text of the current second."""

    second = -1
    text = ""


def _timestamp(seconds: float) -> str:
    """Return ISO 8601 in UTC, with milliseconds."""
    whole = int(seconds)
    if whole != _Clock.second:
        _Clock.text = time.strftime("%Y-%m-%dT%H:%M:%S.", time.gmtime(whole))
        _Clock.second = whole
    return f"{_Clock.text}{int((seconds - whole) * 1000):03d}Z"
