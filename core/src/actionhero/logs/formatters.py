"""The formatters of log lines: `JsonFormatter` and `ConsoleFormatter`."""

from __future__ import annotations

import contextlib
import logging
import re
import time
import traceback
from typing import TYPE_CHECKING, Any, ClassVar, Final

from actionhero import json
from actionhero.logs.tracebacks import short_traceback
from actionhero.redaction import mask_urls, redact_sensitive

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from actionhero.inputs.scrubber import Scrubber

#: The levels by their names in settings and log lines, the lowest first.
LEVELS: Final[dict[str, int]] = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warn": logging.WARNING,
    "error": logging.ERROR,
    "fatal": logging.CRITICAL,
}

_COLORS: Final = {"debug": "2", "info": "32", "warn": "33", "error": "31", "fatal": "1;31"}
# The facts of a call that precede the others in a console line.
_CALL_HEADING: Final = frozenset({"timestamp", "level", "logger", "message", "action", "outcome"})
# Those of a call with a request over HTTP; the outcome follows if it is an error.
_REQUEST_HEADING: Final = (_CALL_HEADING - {"outcome"}) | {
    "method", "path", "status", "milliseconds", "transport",
}  # fmt: skip
_RESERVED_KEYS: Final = frozenset({"timestamp", "level", "logger", "message", "exception"})
# The attributes of a record without `extra`; all others are facts.
_STANDARD_ATTRIBUTES: Final = frozenset(vars(logging.makeLogRecord({}))) | {
    "asctime", "message", "scrubber", "taskName",
}  # fmt: skip

# Control characters, line separators, direction marks and lone surrogates. They would allow forged
# lines.
_UNPRINTABLE: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
_UNQUOTED: Final = re.compile(r"[^\s\"'={}\[\]]+")
_LINE_BREAK: Final = re.compile(r"\r?\n")


class JsonFormatter(logging.Formatter):
    """One JSON object per line."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of a record."""
        return _json(facts_of(record))

    def format_call(self, facts: Mapping[str, Any]) -> str:
        """Return the line of a call."""
        return _json(facts)


class ConsoleFormatter(logging.Formatter):
    """Readable lines: time, level, logger, message and facts, followed by the traceback.

    Args:
        colors: Whether to color the lines.
        root: The folder of the application, whose frames short tracebacks show; `None` for
            complete tracebacks.
    """

    def __init__(self, *, colors: bool, root: Path | None = None) -> None:
        super().__init__()
        self.colors = colors
        self.root = root

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of a record."""
        redact = _redactor(record)
        text = self._line(
            record.created,
            _level_name(record.levelno),
            record.name,
            redact(record.getMessage()),
            _facts(record, redact),
        )
        for stack in (_stack(record, self.root), record.stack_info):
            if stack:
                # Indented, so that its lines are distinct from log lines.
                lines = _LINE_BREAK.split(redact(stack).rstrip())
                text += "".join(f"\n    {escape(line)}" for line in lines)
        return text

    def format_call(self, facts: Mapping[str, Any]) -> str:
        """Return the line of a call."""
        heading, message = _CALL_HEADING, f"{facts['action']} {facts['outcome']}"
        if "method" in facts:
            heading = _REQUEST_HEADING
            # Without a status, the client has left.
            message = (
                f"{facts['method']} {facts['path']} {facts['status'] or '-'} "
                f"{facts['milliseconds']:.0f} ms {facts['action']}"
            ).rstrip()
            if facts["outcome"] == "ok":
                heading |= {"outcome"}
        others = {name: fact for name, fact in facts.items() if name not in heading}
        return self._line(time.time(), facts["level"], facts["logger"], message, others)

    def _line(
        self, created: float, level: str, logger: str, message: str, facts: Mapping[str, Any]
    ) -> str:
        clock = time.strftime("%H:%M:%S", time.localtime(created))
        parts = [
            self._color("2", f"{clock}.{int(created % 1 * 1000):03d}"),
            self._color(_COLORS[level], f"{level.upper():<5}"),
            self._color("2", escape(logger)),
            escape(message),
        ]
        for name, value in facts.items():
            if value is not None:
                parts.append(self._color("2", f"{escape(str(name))}=") + _quote(value))
        return " ".join(parts)

    def _color(self, code: str, text: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self.colors else text


def facts_of(record: logging.LogRecord) -> dict[str, Any]:
    """Return the facts of a record, without secrets, as the JSON format writes them."""
    if is_audit_event(record):
        event: dict[str, Any] = record.audit_event.facts()  # type: ignore[attr-defined]
        return event
    redact = _redactor(record)
    line: dict[str, Any] = {
        "timestamp": timestamp(record.created),
        "level": _level_name(record.levelno),
        "logger": record.name,
        "message": redact(record.getMessage()),
        **_facts(record, redact),
    }
    error = record.exc_info[1] if record.exc_info else None
    if error is not None:
        line["exception"] = {
            "type": type(error).__qualname__,
            "message": redact(_text(error)),
            "stack": redact(_stack(record)),
        }
    elif record.stack_info:
        line["exception"] = {"stack": redact(record.stack_info)}
    return line


def is_audit_event(record: logging.LogRecord) -> bool:
    """Return whether a record is one of the audit log, whose text is a line of JSON."""
    return hasattr(record, "audit_event")


def replacement_record(record: logging.LogRecord, error: Exception) -> logging.LogRecord:
    """Return a replacement for a record with invalid arguments, which cannot be formatted."""
    message = _text(record.msg)
    if isinstance(record.args, tuple):
        with contextlib.suppress(Exception):
            message %= tuple(map(_Argument, record.args))
    attributes = {
        name: getattr(record, name)
        for name in ("name", "levelno", "created", "scrubber", "request_id")
        if hasattr(record, name)
    }
    if record.exc_info:
        with contextlib.suppress(Exception):
            traceback.format_exception(*record.exc_info)
            attributes["exc_info"] = record.exc_info
    location = f"{record.pathname}:{record.lineno}"
    facts = {"format_error": type(error).__qualname__, "location": location}
    return logging.makeLogRecord({**attributes, **facts, "msg": message})


class _Argument:
    """An argument of a record, whose `__str__` or `__repr__` may raise."""

    def __init__(self, value: object) -> None:
        self._value = value

    def __str__(self) -> str:
        return _text(self._value)

    def __repr__(self) -> str:
        return ascii(self._value)


class _Cache:
    """The last formatted second, as a number and as text."""

    last: ClassVar[tuple[int, str]] = (-1, "")


def timestamp(seconds: float) -> str:
    """Return a time from `time.time` as ISO 8601 in UTC, with milliseconds."""
    whole = int(seconds)
    second, text = _Cache.last
    if whole != second:
        text = time.strftime("%Y-%m-%dT%H:%M:%S.", time.gmtime(whole))
        _Cache.last = whole, text
    return f"{text}{int((seconds - whole) * 1000):03d}Z"


def _redactor(record: logging.LogRecord) -> Callable[[str], str]:
    """Return the function that redacts the texts of a record."""
    scrubber: Scrubber | None = getattr(record, "scrubber", None)
    if scrubber is None:
        return mask_urls
    return lambda text: mask_urls(scrubber.scrub(text))


def _facts(record: logging.LogRecord, redact: Callable[[str], str]) -> dict[str, Any]:
    """Return the attributes from `extra`, redacted."""
    extra = {
        f"{name}_" if name in _RESERVED_KEYS else name: value
        for name, value in vars(record).items()
        if name not in _STANDARD_ATTRIBUTES
    }
    facts: dict[str, Any] = _redact_value(redact_sensitive(extra), redact)
    return facts


def _redact_value(value: Any, redact: Callable[[str], str]) -> Any:
    if isinstance(value, dict):
        return {redact(_text(name)): _redact_value(item, redact) for name, item in value.items()}
    if isinstance(value, list):
        return [_redact_value(item, redact) for item in value]
    if isinstance(value, bool | None):
        return value
    # The text of any other value may contain a secret; a number may be one.
    text = _text(value)
    redacted = redact(text)
    return value if isinstance(value, int | float) and redacted == text else redacted


def _text(value: Any) -> str:
    try:
        return str(value.isoformat() if hasattr(value, "isoformat") else value)
    except Exception:  # noqa: BLE001 - third-party `__str__`
        return f"<{type(value).__qualname__}>"


def _stack(record: logging.LogRecord, root: Path | None = None) -> str:
    if record.exc_info and record.exc_info[1] is not None:
        if root is not None:
            return short_traceback(record.exc_info[1], root).rstrip()
        return "".join(traceback.format_exception(record.exc_info[1])).rstrip()
    return ""


def _level_name(number: int) -> str:
    """Return the name of the highest level that is not above `number`."""
    return next((name for name in reversed(LEVELS) if number >= LEVELS[name]), "debug")


def escape(text: str) -> str:
    """Return one line of text without control characters, which a terminal would interpret."""
    return _UNPRINTABLE.sub(lambda match: ascii(match[0])[1:-1], text)


def _quote(value: Any) -> str:
    if isinstance(value, str) and _UNQUOTED.fullmatch(value):
        return escape(value)
    return escape(_json(value))


def _json(value: Any) -> str:
    try:
        return json.dumps(value).decode()
    except TypeError:
        return json.dumps(_with_type_names(value)).decode()


def _with_type_names(value: Any) -> Any:
    """Return `value` with the type names of leaves that JSON does not support."""
    if isinstance(value, dict):
        return {_text(name): _with_type_names(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_with_type_names(item) for item in value]
    try:
        json.dumps(value)
    except TypeError:
        return f"<{type(value).__qualname__}>"
    return value
