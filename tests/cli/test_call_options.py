"""The options of `actionhero call NAME`, which are the inputs of the action."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import click
import pytest

from actionhero.cli import InputDescription, described_options

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import Place


def test_help_lists_the_inputs_of_an_action(book: Place) -> None:
    """Its description, and the type, the default and the requirement of each input."""
    command = book.run("call", "book:echo", "--help")

    assert (command.code, command.stderr) == (0, "")
    text = re.sub(r"\s+", " ", command.stdout)
    assert "Return the inputs. And a second sentence." in text
    for option in (
        "--name TEXT The name. [required]",
        "--count INTEGER The count. [default: 1]",
        "--ratio NUMBER",
        "--loud [true|false] [default: false]",
        "--color TEXT [default: red]",
        "--first_name, --first-name TEXT",
        "--due-day TEXT",
        "--address JSON",
        "--file PATH",
        "--password TEXT",
    ):
        assert option in text, text
    assert "changeme" not in text


def test_help_of_call_lists_the_actions(book: Place) -> None:
    """With the first line of their descriptions."""
    text = book.run("call", "--help").stdout

    assert re.search(r"book:echo +Return the inputs\.\n", text), text
    assert re.search(r"status +Show the status of this process", text), text


@pytest.mark.parametrize(
    ("options", "inputs"),
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
def test_options_are_parsed_by_the_types_of_the_inputs(
    echoed: Callable[..., Any], options: list[str], inputs: dict[str, Any]
) -> None:
    """Numbers, flags, lists, dates and JSON."""
    assert echoed("--name", "Ada", *options) == {"name": "Ada", **inputs}


def test_inputs_can_have_the_names_of_options(book: Place) -> None:
    """The options of `call` precede NAME, the inputs follow it."""
    command = book.run(
        *("call", "--format", "table", "book:options"),
        *("--format", "a", "--help", "b", "--app", "c"),
    )

    assert command.code == 0, command
    rows = [line.split() for line in command.stdout.splitlines()[2:]]
    assert rows == [["format", "a"], ["help", "b"], ["app", "c"]]


def test_the_short_help_option_works_with_an_input_called_help(book: Place) -> None:
    """The long option is the input."""
    command = book.run("call", "book:options", "-h")

    assert command.code == 0
    assert "--help TEXT" in command.stdout


def test_files_are_passed_by_path(book: Place, echoed: Callable[..., Any]) -> None:
    """The action receives them like uploaded files."""
    book.write("notes.txt", "a note")

    assert echoed("--name", "Ada", "--file", "notes.txt")["file"] == [
        "notes.txt",
        "text/plain",
        "a note",
    ]


def test_an_unreadable_file_is_invalid_usage(book: Place) -> None:
    """The message contains the reason."""
    command = book.run("call", "book:echo", "--name", "Ada", "--file", "missing.txt")

    assert command.code == 2
    assert "cannot read 'missing.txt': No such file or directory" in command.stderr
    assert command.stdout == ""


@pytest.mark.parametrize(
    "arguments",
    [
        ("call", "book:echo", "--name", "Ada", "--as-user", "7"),
        ("call", "--as-user", "7", "book:echo", "--name", "Ada"),
        ("actions", "--as-user", "7"),
    ],
    ids=["after the action", "after the command", "another command"],
)
def test_an_option_of_the_program_belongs_before_the_command(
    book: Place, arguments: tuple[str, ...]
) -> None:
    """The message contains the right place."""
    command = book.run(*arguments)

    assert command.code == 2
    text = re.sub(r"\s+", " ", command.stderr)
    assert (
        "No such option '--as-user' of this command; write it before the command, as in: " in text
    )
    assert f" --as-user … {arguments[0]}" in text
    assert "Did you mean" not in text


def test_an_unknown_option_is_invalid_usage(book: Place) -> None:
    """The message contains a suggestion."""
    command = book.run("call", "book:echo", "--nme", "Ada")

    assert command.code == 2
    assert command.stdout == ""
    assert "No such option '--nme'. (Did you mean one of: '--name', '--numbers'?)" in command.stderr


def test_a_positional_input_is_invalid_usage(book: Place) -> None:
    """Inputs are options."""
    command = book.run("call", "book:echo", "Ada")

    assert command.code == 2
    assert "Got unexpected extra argument (Ada)" in command.stderr


def error_in(stderr: str) -> dict[str, Any]:
    """Return the error of the document, which is the only line."""
    [line] = stderr.splitlines()
    document = json.loads(line)
    assert list(document) == ["error"]
    error: dict[str, Any] = document["error"]
    return error


def test_missing_inputs_exit_with_65(book: Place) -> None:
    """The error document is the same as over other transports."""
    command = book.run("call", "book:echo")

    assert (command.code, command.stdout) == (65, "")
    error = error_in(command.stderr)
    assert error["message"] == "Missing required param: name"
    assert error["type"] == "CONNECTION_ACTION_PARAM_REQUIRED"
    assert error["key"] == "name"
    assert error["request_id"]


def test_all_invalid_inputs_are_reported_at_once(book: Place) -> None:
    """Each has a pointer into the inputs."""
    command = book.run(
        "call", "book:echo", "--name", "A", "--count", "many", "--address", '{"zip": 1}'
    )

    assert (command.code, command.stdout) == (65, "")
    problems = error_in(command.stderr)["errors"]
    assert [problem["pointer"] for problem in problems] == ["/name", "/count", "/address/city"]


@pytest.mark.parametrize(
    ("how", "code", "message"),
    [
        ("conflict", 1, "It exists already"),
        ("unavailable", 69, "The library is closed"),
        ("crash", 1, None),
    ],
)
def test_errors_of_actions_determine_the_exit_code(
    book: Place, how: str, code: int, message: str | None
) -> None:
    """The error document is on stderr, and stdout is empty."""
    command = book.run("call", "book:fail", "--how", how, ACTIONHERO_ENV="production")

    assert (command.code, command.stdout) == (code, "")
    error = error_in(command.stderr.splitlines()[-1])
    if message is None:
        assert "internal details" not in json.dumps(error)
    else:
        assert error["message"] == message


def test_an_unknown_action_is_invalid_usage(book: Place) -> None:
    """The message is the same as over other transports."""
    command = book.run("call", "book:nope", "--name", "Ada", "--loud")

    assert (command.code, command.stdout) == (2, "")
    error = error_in(command.stderr)
    assert error["message"].startswith("Action not found: book:nope; did you mean 'book:")
    assert error["type"] == "CONNECTION_ACTION_NOT_FOUND"


def test_call_without_a_name_is_invalid_usage(book: Place) -> None:
    """It shows the help."""
    command = book.run("call")

    assert command.code == 2
    assert "NAME" in command.stderr
    assert "book:echo" in command.stderr


@pytest.mark.parametrize("name", ["filter[name]", "1st", "größe"])
def test_an_input_may_have_a_name_that_is_no_identifier(name: str) -> None:
    command = click.Command("echo", params=described_options([InputDescription(name=name)]))

    context = command.make_context("echo", [f"--{name}", "Ada"])

    assert list(context.params.values()) == ["Ada"]
