"""What a line of the log looks like: one JSON object, or what a person reads."""

from __future__ import annotations

import logging
import re
import time
import traceback
from typing import TYPE_CHECKING, Any, ClassVar, Final

from actionhero import json
from actionhero.redaction import mask_urls, redact_sensitive

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from actionhero.redaction import Scrubber

#: The names of the levels, as settings and lines have them, from the least important up.
LEVELS: Final[dict[str, int]] = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warn": logging.WARNING,
    "error": logging.ERROR,
    "fatal": logging.CRITICAL,
}

_COLORS: Final = {"debug": "2", "info": "32", "warn": "33", "error": "31", "fatal": "1;31"}
# What the line of a call on a console tells before its facts.
_TOLD_BY_MESSAGE: Final = frozenset(
    {"timestamp", "level", "logger", "message", "action", "outcome"}
)
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
_BARE: Final = re.compile(r"[^\s\"'={}\[\]]+")
_END_OF_ROW: Final = re.compile(r"\r?\n")


class JsonFormatter(logging.Formatter):
    """One JSON object per line."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line for a record."""
        clean = _cleaner(record)
        line: dict[str, Any] = {
            "timestamp": timestamp(record.created),
            "level": _level_name(record.levelno),
            "logger": record.name,
            "message": clean(record.getMessage()),
            **_facts(record, clean),
        }
        error = record.exc_info[1] if record.exc_info else None
        if error is not None:
            line["exception"] = {
                "type": type(error).__qualname__,
                "message": clean(_text(error)),
                "stack": clean(_stack(record)),
            }
        elif record.stack_info:
            line["exception"] = {"stack": clean(record.stack_info)}
        return _json(line)

    def call(self, facts: Mapping[str, Any]) -> str:
        """Return the line for a call."""
        return _json(facts)


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
        clean = _cleaner(record)
        text = self._line(
            record.created,
            _level_name(record.levelno),
            record.name,
            clean(record.getMessage()),
            _facts(record, clean),
        )
        for below in (_stack(record), record.stack_info):
            if below:
                # Indented, so that no row of it can pass for a line of ours.
                rows = _END_OF_ROW.split(clean(below).rstrip())
                text += "".join(f"\n    {_printable(row)}" for row in rows)
        return text

    def call(self, facts: Mapping[str, Any]) -> str:
        """Return the line for a call."""
        shown = {name: fact for name, fact in facts.items() if name not in _TOLD_BY_MESSAGE}
        message = f"{facts['action']} {facts['outcome']}"
        return self._line(time.time(), facts["level"], facts["logger"], message, shown)

    def _line(
        self, created: float, level: str, logger: str, message: str, facts: Mapping[str, Any]
    ) -> str:
        clock = time.strftime("%H:%M:%S", time.localtime(created))
        parts = [
            self._colored("2", f"{clock}.{int(created % 1 * 1000):03d}"),
            self._colored(_COLORS[level], f"{level.upper():<5}"),
            self._colored("2", _printable(logger)),
            _printable(message),
        ]
        for name, value in facts.items():
            if value is not None:
                parts.append(self._colored("2", f"{_printable(str(name))}=") + _readable(value))
        return " ".join(parts)

    def _colored(self, code: str, text: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self.colors else text


def stand_in(record: logging.LogRecord, error: Exception) -> logging.LogRecord:
    """Return a record in place of one that cannot be formatted; its arguments do not fit, say."""
    message = record.msg if isinstance(record.msg, str) else f"<{type(record.msg).__qualname__}>"
    kept = {
        name: getattr(record, name)
        for name in ("name", "levelno", "created", "scrubber", "request_id")
        if hasattr(record, name)
    }
    location = f"{record.pathname}:{record.lineno}"
    facts = {"format_error": type(error).__qualname__, "location": location}
    return logging.makeLogRecord({**kept, **facts, "msg": message})


class _Second:
    """Remembers the second that was written last, as a number and as text."""

    last: ClassVar[tuple[int, str]] = (-1, "")


def timestamp(seconds: float) -> str:
    """Return a time of the system's clock as ISO 8601 in UTC, with milliseconds."""
    whole = int(seconds)
    second, text = _Second.last
    if whole != second:
        text = time.strftime("%Y-%m-%dT%H:%M:%S.", time.gmtime(whole))
        _Second.last = whole, text
    return f"{text}{int((seconds - whole) * 1000):03d}Z"


def _cleaner(record: logging.LogRecord) -> Callable[[str], str]:
    """Return what takes secrets out of the texts of a record."""
    scrubber: Scrubber | None = getattr(record, "scrubber", None)
    if scrubber is None:
        return mask_urls
    return lambda text: mask_urls(scrubber.scrub(text))


def _facts(record: logging.LogRecord, clean: Callable[[str], str]) -> dict[str, Any]:
    """Return what was given as `extra`, without secrets."""
    given = {
        f"{name}_" if name in _OWN_KEYS else name: value
        for name, value in vars(record).items()
        if name not in _STANDARD
    }
    facts: dict[str, Any] = _cleaned(redact_sensitive(given), clean)
    return facts


def _cleaned(value: Any, clean: Callable[[str], str]) -> Any:
    if isinstance(value, dict):
        return {clean(_text(name)): _cleaned(item, clean) for name, item in value.items()}
    if isinstance(value, list):
        return [_cleaned(item, clean) for item in value]
    if isinstance(value, bool | None):
        return value
    # Whatever else it is, its text may tell a secret; a number may be one.
    text = _text(value)
    cleaned = clean(text)
    return value if isinstance(value, int | float) and cleaned == text else cleaned


def _text(value: Any) -> str:
    try:
        return str(value.isoformat() if hasattr(value, "isoformat") else value)
    except Exception:  # noqa: BLE001 - whoever wrote its __str__, the log line is wanted
        return f"<{type(value).__qualname__}>"


def _stack(record: logging.LogRecord) -> str:
    if record.exc_info and record.exc_info[1] is not None:
        return "".join(traceback.format_exception(record.exc_info[1])).rstrip()
    return ""


def _level_name(number: int) -> str:
    """Return the name of the highest level that is not above `number`."""
    return next((name for name in reversed(LEVELS) if number >= LEVELS[name]), "debug")


def _printable(text: str) -> str:
    return _UNPRINTABLE.sub(lambda found: ascii(found[0])[1:-1], text)


def _readable(value: Any) -> str:
    if isinstance(value, str) and _BARE.fullmatch(value):
        return _printable(value)
    return _printable(_json(value))


def _json(value: Any) -> str:
    try:
        return json.dumps(value).decode()
    except TypeError:
        return json.dumps(_with_names_of_types(value)).decode()


def _with_names_of_types(value: Any) -> Any:
    """Return `value` with the name of its type in place of each leaf that JSON does not know."""
    if isinstance(value, dict):
        return {_text(name): _with_names_of_types(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_with_names_of_types(item) for item in value]
    try:
        json.dumps(value)
    except TypeError:
        return f"<{type(value).__qualname__}>"
    return value
