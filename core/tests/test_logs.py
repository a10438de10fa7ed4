"""Log lines: their formats, their order, secrets, and the configuration of logging."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import re
import subprocess
import sys
import threading
import warnings
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from actionhero import logs
from actionhero.inputs.scrubber import Scrubber
from actionhero.logs.formatters import LEVELS

if TYPE_CHECKING:
    from collections.abc import Iterator

logger = logging.getLogger("guestbook.posts")

TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
CLOCK = re.compile(r"^\d\d:\d\d:\d\d\.\d{3} ")


class Terminal(io.StringIO):
    """A stream that claims to be a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def restored_logging(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Restore logging after each test."""
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    yield
    logs.shutdown()


@pytest.fixture
def stream() -> io.StringIO:
    return io.StringIO()


def without_pytest(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove the handlers of pytest, which fail the test on an invalid record."""
    monkeypatch.setattr(logging.getLogger(), "handlers", [])


def objects(stream: io.StringIO) -> list[dict[str, Any]]:
    """Return the JSON lines of `stream`."""
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def write_call(name: str = "post:create", **facts: Any) -> None:
    """Write the line of a call."""
    logs.call_log.write(
        **{
            "action": name,
            "transport": "web",
            "outcome": "ok",
            "milliseconds": 1.23456,
            "request_id": "r-1",
            "remote": "127.0.0.1",
            "inputs": {"title": "Hello you"},
            **facts,
        }
    )


def fail(message: str) -> BaseException:
    """Return a raised exception with a cause."""
    try:
        try:
            raise KeyError("inner")
        except KeyError as error:
            raise ValueError(message) from error
    except ValueError as error:
        return error


# -- lines -------------------------------------------------------------------------------------


def test_a_json_line_has_time_level_logger_message_and_facts(stream: io.StringIO) -> None:
    """Every fact has its name."""
    logs.configure("debug", "json", stream=stream)

    logger.warning(
        "post %s is late", 7, extra={"minutes": 5, "due": datetime(2026, 1, 2, tzinfo=UTC)}
    )

    (line,) = objects(stream)
    assert TIMESTAMP.fullmatch(line.pop("timestamp"))
    assert line == {
        "level": "warn",
        "logger": "guestbook.posts",
        "message": "post 7 is late",
        "minutes": 5,
        "due": "2026-01-02T00:00:00+00:00",
    }


def test_a_console_line_has_time_level_logger_message_and_facts(stream: io.StringIO) -> None:
    """In this order."""
    logs.configure("debug", "console", stream=stream)

    logger.info(
        "saved", extra={"post": 7, "by": "Ada L", "tags": ["a"], "none": None, "kind": "new"}
    )

    line = stream.getvalue()
    assert CLOCK.match(line)
    assert CLOCK.sub("", line) == (
        'INFO  guestbook.posts saved post=7 by="Ada L" tags=["a"] kind=new\n'
    )


@pytest.mark.parametrize("format", ["json", "console"])
def test_levels_have_names(format: Any, stream: io.StringIO) -> None:
    """debug, info, warn, error, fatal; a level between two is the lower one."""
    logs.configure("debug", format, stream=stream)

    for number in (10, 20, 25, 30, 40, 50, 60):
        logger.log(number, "x")

    written = re.findall(r"\b(debug|info|warn|error|fatal)\b", stream.getvalue().lower())
    assert written == ["debug", "info", "info", "warn", "error", "fatal", "fatal"]


@pytest.mark.parametrize("level", list(LEVELS))
def test_lower_levels_are_dropped(level: str, stream: io.StringIO) -> None:
    """The configured level is the lowest that is written."""
    logs.configure(level, "json", stream=stream)

    for number in LEVELS.values():
        logger.log(number, "x")

    names = list(LEVELS)
    assert [line["level"] for line in objects(stream)] == names[names.index(level) :]


def test_an_unknown_level_is_an_error() -> None:
    """The message lists the levels."""
    with pytest.raises(ValueError, match="log level") as raised:
        logs.configure("verbose")

    assert str(raised.value) == (
        "unknown log level 'verbose'; available: debug, info, warn, error, fatal"
    )


def test_an_unknown_format_is_an_error() -> None:
    """The message lists the formats."""
    with pytest.raises(ValueError, match="log format") as raised:
        logs.configure("info", "xml")  # type: ignore[arg-type]

    assert str(raised.value) == "unknown log format 'xml'; available: console, json"


def test_lines_of_libraries_have_the_same_format(stream: io.StringIO) -> None:
    """One parser reads all lines of the process."""
    logs.configure("info", "json", stream=stream)

    logging.getLogger("aiohttp.server").error("Error handling request from %s", "10.0.0.1")

    (line,) = objects(stream)
    assert (line["logger"], line["message"]) == (
        "aiohttp.server",
        "Error handling request from 10.0.0.1",
    )


@pytest.mark.parametrize("format", ["json", "console"])
def test_warnings_are_logged(format: Any, stream: io.StringIO) -> None:
    """A deprecation is one line."""
    logs.configure("info", format, stream=stream)

    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("deprecated\nname", DeprecationWarning, stacklevel=1)

    (line,) = stream.getvalue().splitlines()
    assert "py.warnings" in line
    assert r"deprecated\nname" in line
    assert "DeprecationWarning" in line
    assert "test_logs.py:" in line


def test_a_warning_for_a_file_is_written_to_it(stream: io.StringIO) -> None:
    """The `file` argument of `showwarning` is supported."""
    logs.configure("info", "json", stream=stream)
    file = io.StringIO()

    warnings.showwarning("old", UserWarning, "a.py", 7, file)

    assert file.getvalue().startswith("a.py:7: UserWarning: old")
    assert stream.getvalue() == ""


def test_exceptions_in_json_have_type_message_and_stack(stream: io.StringIO) -> None:
    """The stack includes the cause."""
    logs.configure("info", "json", stream=stream)

    logger.error("failed", exc_info=fail("outer"))

    (line,) = objects(stream)
    assert line["exception"]["type"] == "ValueError"
    assert line["exception"]["message"] == "outer"
    assert line["exception"]["stack"].startswith("Traceback (most recent call last):\n")
    assert "KeyError: 'inner'" in line["exception"]["stack"]
    assert line["exception"]["stack"].endswith("ValueError: outer")


def test_tracebacks_follow_the_console_line(stream: io.StringIO) -> None:
    """They are indented."""
    logs.configure("info", "console", stream=stream)

    logger.error("failed", exc_info=fail("outer"))

    first, *traceback = stream.getvalue().splitlines()
    assert first.endswith("guestbook.posts failed")
    assert traceback[-1] == "    ValueError: outer"
    assert all(row.startswith("    ") for row in traceback)


@pytest.mark.parametrize("format", ["json", "console"])
def test_a_stack_can_be_logged_without_an_exception(format: Any, stream: io.StringIO) -> None:
    """`stack_info` is supported."""
    logs.configure("info", format, stream=stream)

    logger.info("here", stack_info=True)

    assert "Stack (most recent call last)" in stream.getvalue()


def test_every_line_has_the_request_id(stream: io.StringIO) -> None:
    """It is a fact of the line."""
    logs.configure("info", "json", stream=stream)
    token = logs.request_id.set("r-7")
    try:
        logger.info("one")
        logging.getLogger("other").info("two")
        logger.info("three", extra={"request_id": "r-8"})
    finally:
        logs.request_id.reset(token)
    logger.info("four")

    assert [line.get("request_id") for line in objects(stream)] == ["r-7", "r-7", "r-8", None]


def test_facts_do_not_replace_reserved_keys(stream: io.StringIO) -> None:
    """They get an underscore."""
    logs.configure("info", "json", stream=stream)

    logger.info("x", extra={"level": "low", "timestamp": 1, "exception": "none"})

    (line,) = objects(stream)
    assert line["level"] == "info"
    assert (line["level_"], line["timestamp_"], line["exception_"]) == ("low", 1, "none")


# -- secrets -----------------------------------------------------------------------------------


@pytest.mark.parametrize("format", ["json", "console"])
def test_facts_with_sensitive_names_are_redacted(format: Any, stream: io.StringIO) -> None:
    """At any depth, in both formats."""
    logs.configure("info", format, stream=stream)

    logger.info(
        "x",
        extra={
            "api_key": "hunter21",
            "request": {"headers": [{"Set-Cookie": "hunter22"}], "path": "/a"},
        },
    )

    assert "hunter" not in stream.getvalue()
    assert stream.getvalue().count("[redacted]") == 2
    assert "/a" in stream.getvalue()


@pytest.mark.parametrize("format", ["json", "console"])
def test_secrets_of_a_call_are_scrubbed_everywhere(format: Any, stream: io.StringIO) -> None:
    """In the message, the traceback, the cause and the facts."""
    logs.configure("info", format, stream=stream)
    scrubber = Scrubber(["hunter22", "new\nline", 123456])

    logger.error(
        "action failed: %s",
        "hunter22",
        exc_info=fail(f"cannot save {'hunter22'!r} and {chr(110)}ew\nline"),
        extra={
            "scrubber": scrubber,
            "inputs": {"a": ["hunter22"], "hunter22": 123456},
            "error": KeyError("hunter22"),
        },
    )

    written = stream.getvalue()
    assert "hunter22" not in written
    assert "123456" not in written
    assert "new\\nline" not in written
    assert "line'" not in written
    assert "action failed: [redacted]" in written
    assert "cannot save '[redacted]' and [redacted]" in written


@pytest.mark.parametrize("format", ["json", "console"])
def test_passwords_in_urls_are_masked(format: Any, stream: io.StringIO) -> None:
    """Drivers log the addresses of their servers."""
    logs.configure("info", format, stream=stream)

    logger.error(
        "cannot reach %s",
        "redis://:hunter22@host",
        exc_info=fail("refused by postgres://ada:hunter22@host"),
        extra={"url": "redis://:hunter22@host"},
    )

    assert "hunter22" not in stream.getvalue()
    assert "redis://:******@host" in stream.getvalue()
    assert "postgres://ada:******@host" in stream.getvalue()


def test_lines_cannot_be_forged(stream: io.StringIO) -> None:
    """Inputs stay in their line, and do not control the terminal."""
    logs.configure("info", "console", stream=stream)
    forged = "x\n12:00:00.000 INFO  bank paid\r\x1b[2J\u2028\u202e\ud800\x85"

    logger.info(forged, extra={"title": forged, forged: 1}, exc_info=fail(forged))
    write_call(f"a{forged}", remote=forged)

    lines = stream.getvalue().split("\n")
    assert [line for line in lines if CLOCK.match(line) and " bank " in line[:25]] == []
    assert re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u202e\ud800]", stream.getvalue()) is None
    assert r"x\n12:00:00.000 INFO  bank paid\r\x1b[2J\u2028\u202e\ud800\x85" in lines[0]


def test_a_json_line_is_one_line(stream: io.StringIO) -> None:
    """Line breaks are escaped."""
    logs.configure("info", "json", stream=stream)

    logger.info("a\nb\r\x1b\ud800", extra={"x": "c\nd"})

    assert stream.getvalue().count("\n") == 1
    (line,) = objects(stream)
    assert (line["message"], line["x"]) == ("a\nb\r\x1b\ufffd", "c\nd")


# -- colors ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("variables", "stream", "colored"),
    [
        ({}, Terminal(), True),
        ({}, io.StringIO(), False),
        ({"NO_COLOR": "1"}, Terminal(), False),
        ({"NO_COLOR": ""}, Terminal(), True),
        ({"FORCE_COLOR": "1"}, io.StringIO(), True),
        ({"FORCE_COLOR": "0"}, io.StringIO(), False),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, Terminal(), False),
        ({"TERM": "dumb"}, Terminal(), False),
    ],
)
def test_colors_default_to_terminals(
    variables: dict[str, str], stream: io.StringIO, colored: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The usual variables override the default."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    logs.configure("info", "console", stream=stream)

    logger.error("failed")

    assert ("\x1b[31mERROR\x1b[0m" in stream.getvalue()) is colored


@pytest.mark.parametrize("colors", [True, False])
def test_colors_can_be_configured(colors: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """This overrides the variables."""
    monkeypatch.setenv("NO_COLOR" if colors else "FORCE_COLOR", "1")
    stream = io.StringIO()
    logs.configure("info", "console", colors, stream)

    logger.info("x")
    write_call()

    assert ("\x1b[" in stream.getvalue()) is colors


# -- calls -------------------------------------------------------------------------------------


def test_a_call_is_one_json_line(stream: io.StringIO) -> None:
    """With all of its facts."""
    logs.configure("info", "json", stream=stream)

    write_call()

    (line,) = objects(stream)
    assert TIMESTAMP.fullmatch(line.pop("timestamp"))
    assert line == {
        "level": "info",
        "logger": "actionhero.call",
        "message": "call",
        "action": "post:create",
        "transport": "web",
        "outcome": "ok",
        "milliseconds": 1.235,
        "request_id": "r-1",
        "remote": "127.0.0.1",
        "inputs": {"title": "Hello you"},
    }


def test_a_call_is_one_console_line(stream: io.StringIO) -> None:
    """Action and outcome come first."""
    logs.configure("info", "console", stream=stream)

    write_call(remote=None)

    assert CLOCK.sub("", stream.getvalue()) == (
        "INFO  actionhero.call post:create ok transport=web milliseconds=1.235 request_id=r-1 "
        'inputs={"title":"Hello you"}\n'
    )


def test_inputs_without_json_form_are_named_by_their_type(stream: io.StringIO) -> None:
    """The line is written nevertheless."""
    logs.configure("info", "json", stream=stream)

    write_call(inputs={"a": object(), "b": [{"c": object}], "d": datetime(2026, 1, 2, tzinfo=UTC)})

    (line,) = objects(stream)
    assert line["inputs"] == {
        "a": "<object>",
        "b": [{"c": "<type>"}],
        "d": "2026-01-02T00:00:00Z",
    }


@pytest.mark.parametrize("level", ["warn", "error", "fatal"])
def test_calls_are_not_logged_above_info(level: str, stream: io.StringIO) -> None:
    """`enabled` is false, which saves the work."""
    logs.configure(level, "json", stream=stream)

    write_call()

    assert not logs.call_log.enabled
    assert stream.getvalue() == ""


@pytest.mark.parametrize("level", ["debug", "info"])
def test_calls_are_logged_at_info(level: str, stream: io.StringIO) -> None:
    """And at debug."""
    logs.configure(level, "json", stream=stream)

    assert logs.call_log.enabled


async def test_lines_of_calls_are_buffered(stream: io.StringIO) -> None:
    """A timer of the running loop writes them; it runs only while lines are buffered."""
    logs.configure("info", "json", stream=stream)
    loop = asyncio.get_running_loop()

    write_call("one")
    write_call("two")
    buffered = stream.getvalue()
    written = loop.create_future()
    # It is scheduled for the same time as the timer of the log, and later.
    loop.call_later(logs.CallLog._delay_seconds, written.set_result, None)
    await written

    assert buffered == ""
    assert [line["action"] for line in objects(stream)] == ["one", "two"]
    assert logs.call_log._loop is None

    write_call("three")

    assert logs.call_log._loop is loop


async def test_a_full_buffer_is_written_immediately(stream: io.StringIO) -> None:
    """Its size is 500 lines."""
    logs.configure("info", "json", stream=stream)

    for number in range(501):
        write_call(str(number))
    written = len(objects(stream))
    logs.call_log.flush()

    assert written == 500
    assert [line["action"] for line in objects(stream)] == [str(number) for number in range(501)]


async def test_lines_keep_their_order(stream: io.StringIO) -> None:
    """Buffered lines precede later records."""
    logs.configure("info", "json", stream=stream)

    write_call("one")
    logger.info("two")
    write_call("three")
    logger.info("four")

    assert [line.get("action", line["message"]) for line in objects(stream)] == [
        "one",
        "two",
        "three",
        "four",
    ]


def test_every_loop_has_a_timer_of_its_own(stream: io.StringIO) -> None:
    """Lines are not lost with a loop that was closed before its timer ran."""
    logs.configure("info", "json", stream=stream)

    async def call(name: str) -> bool:
        write_call(name)
        return logs.call_log._loop is asyncio.get_running_loop()

    assert asyncio.run(call("one"))
    assert asyncio.run(call("two"))

    logs.call_log.flush()
    assert [line["action"] for line in objects(stream)] == ["one", "two"]


def test_threads_lose_no_lines(stream: io.StringIO) -> None:
    """Loops may run in several threads."""
    logs.configure("info", "json", stream=stream)

    async def calls(name: int) -> None:
        for number in range(400):
            write_call(f"{name}:{number}")

    threads = [threading.Thread(target=asyncio.run, args=(calls(n),)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    logs.call_log.flush()

    names = [line["action"] for line in objects(stream)]
    assert len(names) == 1600
    for name in range(4):
        numbers = [other for other in names if other.startswith(f"{name}:")]
        assert numbers == [f"{name}:{number}" for number in range(400)]


def test_buffered_lines_are_written_at_exit() -> None:
    """The last calls are often the relevant ones."""
    program = """
import asyncio
from actionhero import logs

async def main():
    logs.call_log.write("last", "web", "ok", 1.0, None, None, {})

logs.configure("info", "json")
asyncio.run(main())
"""

    process = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )

    assert json.loads(process.stderr)["action"] == "last"


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork")
def test_a_forked_process_does_not_repeat_lines() -> None:
    """Each line is written once."""
    program = """
import asyncio, os, sys
from actionhero import logs

async def main():
    logs.call_log.write("before", "web", "ok", 1.0, None, None, {})
    child = os.fork()
    logs.call_log.write("child" if child == 0 else "parent", "web", "ok", 1.0, None, None, {})
    logs.call_log.flush()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)

logs.configure("info", "json")
asyncio.run(main())
"""

    process = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )

    names = sorted(json.loads(line)["action"] for line in process.stderr.splitlines())
    assert names == ["before", "child", "parent"]


# -- errors ------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [BrokenPipeError(), ValueError("I/O operation on closed file")])
def test_a_broken_pipe_is_no_error(error: Exception) -> None:
    """The program continues without a log."""

    class Broken(io.StringIO):
        def write(self, text: str, /) -> int:
            raise error

    logs.configure("info", "json", stream=Broken())

    logger.error("x")
    write_call()
    logs.shutdown()

    assert logging.getLogger().handlers is not None


def test_invalid_messages_are_logged_unformatted(
    stream: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With their location in the code."""
    without_pytest(monkeypatch)
    logs.configure("info", "json", stream=stream)
    scrubber = Scrubber(["hunter22"])

    logger.error("%d hunter22", "x", extra={"scrubber": scrubber, "request_id": "r-1"})

    (line,) = objects(stream)
    assert line["level"] == "error"
    assert line["message"] == "%d [redacted]"
    assert line["format_error"] == "TypeError"
    assert line["request_id"] == "r-1"
    assert "test_logs.py:" in line["location"]


def test_an_exception_without_text_is_logged_with_its_traceback(
    stream: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its `__str__` and `__repr__` raise."""

    class MuteError(Exception):
        def __str__(self) -> str:
            raise RuntimeError

        __repr__ = __str__

    without_pytest(monkeypatch)
    logs.configure("info", "json", stream=stream)
    error = MuteError()

    logger.error("action %r failed: %s", "x", error, exc_info=error)

    (line,) = objects(stream)
    assert line["message"].startswith("action 'x' failed: <")
    assert line["exception"]["message"].endswith("MuteError>")
    assert line["exception"]["stack"].endswith("<exception str() failed>")


@pytest.mark.parametrize("format", ["json", "console"])
def test_objects_without_text_are_named_by_their_type(
    format: Any, stream: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A failing `__str__` does not lose the line."""
    without_pytest(monkeypatch)

    class NoText(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    logs.configure("info", format, stream=stream)

    logger.error("failed", exc_info=NoText(), extra={"object": NoText()})
    logger.error(NoText())

    assert stream.getvalue().count("NoText") >= 3
    assert "failed" in stream.getvalue()
    assert "RuntimeError" in stream.getvalue()


def test_unencodable_characters_are_escaped() -> None:
    """An ASCII stream gets escapes."""
    buffer = io.BytesIO()
    logs.configure("info", "json", stream=io.TextIOWrapper(buffer, encoding="ascii"))

    logger.info("Zoë")
    write_call("naïve")
    written = buffer.getvalue().decode()

    assert r'"message":"Zo\xeb"' in written
    assert r'"action":"na\xefve"' in written


# -- configuration -----------------------------------------------------------------------------


def test_a_second_configuration_replaces_the_first(stream: io.StringIO) -> None:
    """Each line is written once."""
    logs.configure("info", "console", stream=io.StringIO())
    logs.configure("info", "json", stream=stream)

    logger.info("x")
    write_call()

    assert len(objects(stream)) == 2


async def test_buffered_lines_are_written_to_their_own_stream() -> None:
    """A new stream gets the later lines."""
    first, second = io.StringIO(), io.StringIO()
    logs.configure("info", "json", stream=first)
    write_call("one")
    logs.configure("info", "json", stream=second)
    write_call("two")
    logs.call_log.flush()

    assert [line["action"] for line in objects(first)] == ["one"]
    assert [line["action"] for line in objects(second)] == ["two"]


def test_standard_error_is_the_default(capsys: pytest.CaptureFixture[str]) -> None:
    """Standard output is for results."""
    logs.configure()

    logger.info("hello")

    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.endswith("guestbook.posts hello\n")


async def test_shutdown_flushes_and_restores_logging(stream: io.StringIO) -> None:
    """The previous handlers are installed again."""
    root = logging.getLogger()
    plain = logging.StreamHandler(io.StringIO())
    root.addHandler(plain)
    level, handlers, show_warning = root.level, list(root.handlers), warnings.showwarning
    try:
        logs.configure("debug", "json", stream=stream)
        assert plain not in root.handlers
        write_call()

        logs.shutdown()
        write_call()
        logs.shutdown()

        assert len(objects(stream)) == 1
        assert root.level == level
        assert set(root.handlers) == set(handlers)
        assert warnings.showwarning is show_warning
    finally:
        root.removeHandler(plain)
