"""The options of `actionhero call NAME`, which are made from the action's inputs."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import Place


def test_help_tells_what_an_action_takes(book: Place) -> None:
    """Its description, and each input with its kind, its default and whether it must be given."""
    ended = book.run("call", "book:echo", "--help")

    assert (ended.code, ended.stderr) == (0, "")
    text = re.sub(r"\s+", " ", ended.stdout)
    assert "Give back what was given. And a second sentence, for whoever asks." in text
    for told in (
        "--name TEXT Who it is. [required]",
        "--count INTEGER How often. [default: 1]",
        "--ratio NUMBER",
        "--loud [true|false] [default: false]",
        "--color TEXT [default: red]",
        "--first_name, --first-name TEXT",
        "--due-day TEXT",
        "--address JSON",
        "--file PATH",
        "--password TEXT",
    ):
        assert told in text, text
    assert "changeme" not in text


def test_call_lists_the_actions(book: Place) -> None:
    """Each with the first line of its description."""
    text = book.run("call", "--help").stdout

    assert re.search(r"book:echo +Give back what was given\.\n", text), text
    assert re.search(r"status +Show how this process is", text), text


@pytest.mark.parametrize(
    ("options", "given"),
    [
        (["--count", "3", "--ratio", "0.5"], {"count": 3, "ratio": 0.5}),
        (["--count=-3"], {"count": -3}),
        (["--loud"], {"loud": True}),
        (["--loud", "false"], {"loud": False}),
        (["--loud=true"], {"loud": True}),
        (["--tags", "a", "--tags", "b,c"], {"tags": ["a", "b,c"]}),
        (["--numbers", "1"], {"numbers": [1]}),
        (["--day", "2026-02-28"], {"day": "2026-02-28"}),
        (["--first_name", "Ada"], {"first_name": "Ada"}),
        (["--first-name", "Ada"], {"first_name": "Ada"}),
        (["--due-day", "Monday"], {"due_day": "Monday"}),
        (["--address", '{"city": "Ulm", "zip": 1}'], {"address": {"city": "Ulm", "zip": 1}}),
        (["--people", '[{"city": "Ulm"}]'], {"people": [{"city": "Ulm", "zip": None}]}),
        (
            ["--people", '{"city": "Ulm"}', "--people", '{"city": "Rom"}'],
            {"people": [{"city": "Ulm", "zip": None}, {"city": "Rom", "zip": None}]},
        ),
        (["--table", '{"a": 1}'], {"table": {"a": 1}}),
        (["--color", "blue", "--color", "red"], {"color": "red"}),
        (["--first-name", ""], {"first_name": ""}),
        (["--first-name", "--loud"], {"first_name": "--loud"}),
        (["--first-name=日本 'x' \"y\""], {"first_name": "日本 'x' \"y\""}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_options_are_read_as_what_the_action_takes(
    echoed: Callable[..., Any], options: list[str], given: dict[str, Any]
) -> None:
    """Numbers, flags, lists, dates and JSON."""
    assert echoed("--name", "Ada", *options) == {"name": "Ada", **given}


def test_inputs_may_be_called_like_options_of_ours(book: Place) -> None:
    """Ours stands before NAME, the action's after it."""
    ended = book.run(
        *("call", "--format", "table", "book:rival"),
        *("--format", "a", "--help", "b", "--app", "c"),
    )

    assert ended.code == 0, ended
    rows = [line.split() for line in ended.stdout.splitlines()[2:]]
    assert rows == [["format", "a"], ["help", "b"], ["app", "c"]]


def test_help_can_still_be_had_where_an_input_is_called_help(book: Place) -> None:
    """By the short option."""
    ended = book.run("call", "book:rival", "-h")

    assert ended.code == 0
    assert "--help TEXT" in ended.stdout


def test_a_file_is_given_by_its_path(book: Place, echoed: Callable[..., Any]) -> None:
    """The action gets it as it would get an upload."""
    book.write("notes.txt", "a note")

    assert echoed("--name", "Ada", "--file", "notes.txt")["file"] == [
        "notes.txt",
        "text/plain",
        "a note",
    ]


def test_a_file_that_cannot_be_read_is_wrong_usage(book: Place) -> None:
    """With the reason."""
    ended = book.run("call", "book:echo", "--name", "Ada", "--file", "nowhere.txt")

    assert ended.code == 2
    assert "cannot read 'nowhere.txt': No such file or directory" in ended.stderr
    assert ended.stdout == ""


def test_an_unknown_option_is_wrong_usage_with_a_suggestion(book: Place) -> None:
    """Nothing is run."""
    ended = book.run("call", "book:echo", "--nme", "Ada")

    assert ended.code == 2
    assert ended.stdout == ""
    assert "No such option '--nme'. (Did you mean one of: '--name', '--numbers'?)" in ended.stderr


def test_an_argument_without_an_option_is_wrong_usage(book: Place) -> None:
    """Inputs are named."""
    ended = book.run("call", "book:echo", "Ada")

    assert ended.code == 2
    assert "Got unexpected extra argument (Ada)" in ended.stderr


def error_in(stderr: str) -> dict[str, Any]:
    """Return the error of the envelope, which is all that stands there."""
    [line] = stderr.splitlines()
    document = json.loads(line)
    assert list(document) == ["error"]
    error: dict[str, Any] = document["error"]
    return error


def test_missing_inputs_pass_the_corridor(book: Place) -> None:
    """They end with 65, and are told as at every other door."""
    ended = book.run("call", "book:echo")

    assert (ended.code, ended.stdout) == (65, "")
    error = error_in(ended.stderr)
    assert error["message"] == "Missing required param: name"
    assert error["type"] == "CONNECTION_ACTION_PARAM_REQUIRED"
    assert error["key"] == "name"
    assert error["request_id"]


def test_all_invalid_inputs_are_told_at_once(book: Place) -> None:
    """Each by a pointer into the inputs; a secret value is not shown."""
    ended = book.run(
        "call", "book:echo", "--name", "A", "--count", "many", "--address", '{"zip": 1}'
    )

    assert (ended.code, ended.stdout) == (65, "")
    problems = error_in(ended.stderr)["errors"]
    assert [problem["pointer"] for problem in problems] == ["/name", "/count", "/address/city"]


@pytest.mark.parametrize(
    ("how", "code", "message"),
    [
        ("conflict", 1, "It is there already"),
        ("unavailable", 69, "The library is closed"),
        ("crash", 1, None),
    ],
)
def test_an_action_that_fails_ends_with_the_code_of_its_failure(
    book: Place, how: str, code: int, message: str | None
) -> None:
    """The envelope goes to stderr, and nothing to stdout."""
    ended = book.run("call", "book:fail", "--how", how, ACTIONHERO_ENV="production")

    assert (ended.code, ended.stdout) == (code, "")
    error = error_in(ended.stderr.splitlines()[-1])
    if message is None:
        assert "insides" not in json.dumps(error)
    else:
        assert error["message"] == message


def test_an_unknown_action_is_wrong_usage_in_the_words_of_every_door(book: Place) -> None:
    """Whatever else stands behind it."""
    ended = book.run("call", "book:nope", "--name", "Ada", "--loud")

    assert (ended.code, ended.stdout) == (2, "")
    error = error_in(ended.stderr)
    assert error["message"].startswith("Action not found: book:nope; did you mean 'book:")
    assert error["type"] == "CONNECTION_ACTION_NOT_FOUND"


def test_call_without_a_name_shows_help(book: Place) -> None:
    """And is wrong usage."""
    ended = book.run("call")

    assert ended.code == 2
    assert "NAME" in ended.stderr
    assert "book:echo" in ended.stderr
