"""The command line as a whole: its options, its errors, its signals, its completion."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.conftest import Place

COMMANDS = ["actions", "call", "completion", "config", "doctor", "plugins", "routes", "start"]


def test_help_lists_every_command_with_a_sentence(place: Place) -> None:
    """Those of plugins too."""
    ended = place.run("--help")

    assert (ended.code, ended.stderr) == (0, "")
    listed = re.findall(r"^  (\w+)  +[A-Z].*[.…]$", ended.stdout, re.MULTILINE)
    assert listed == [*COMMANDS, "version"]


@pytest.mark.parametrize("command", [*COMMANDS, "version"])
def test_every_command_has_help(place: Place, command: str) -> None:
    """More than its one line."""
    ended = place.run(command, "--help")

    assert (ended.code, ended.stderr) == (0, "")
    assert ended.stdout.startswith(f"Usage: actionhero {command} ")


@pytest.mark.parametrize("option", ["--version", "-V"])
def test_version_is_one_word(place: Place, option: str) -> None:
    """For scripts."""
    ended = place.run(option)

    assert (ended.code, ended.stderr) == (0, "")
    assert re.fullmatch(r"\d+\.\d+\.\d+\S*\n", ended.stdout)


def test_without_a_server_there_is_nothing_to_start(place: Place) -> None:
    """`--port` and `routes` come with the plugin that serves, and go with it."""
    assert "--port" in place.run("start", "--help").stdout

    place.enabled.remove("web")

    assert "--port" not in place.run("start", "--help").stdout
    assert place.run("routes").code == 2
    ended = place.run("start")
    assert (ended.code, ended.stdout) == (78, "")
    assert ended.stderr == (
        "Error: there is no server to start; install one, such as actionhero-web, or take its "
        "name out of plugins.disabled\n"
    )


def test_the_program_and_the_module_are_the_same(place: Place) -> None:
    """`actionhero` and `python -m actionhero`."""
    program = Path(sys.executable).with_name("actionhero")

    told = subprocess.run([program, "--help"], cwd=place.folder, capture_output=True, check=True)

    assert told.stdout.startswith(b"Usage: actionhero [OPTIONS] COMMAND [ARGS]...")
    assert place.run("--help").stdout.startswith("Usage: actionhero [OPTIONS] COMMAND [ARGS]...")


def test_an_unknown_command_is_wrong_usage(place: Place) -> None:
    """With what was meant, if that can be told."""
    ended = place.run("strat")

    assert (ended.code, ended.stdout) == (2, "")
    assert "No such command 'strat'" in ended.stderr
    assert "start" in ended.stderr


@pytest.mark.parametrize("assignment", ["web", "web=1", "web.=1", "=1"])
def test_set_wants_a_section_a_key_and_a_value(place: Place, assignment: str) -> None:
    """What it is, and how it is written."""
    ended = place.run("--set", assignment, "config")

    assert (ended.code, ended.stdout) == (2, "")
    assert f"{assignment!r} is not SECTION.KEY=VALUE" in ended.stderr


def test_a_value_may_have_an_equals_sign(place: Place) -> None:
    """Only the first one divides."""
    ended = place.run("--set", "app.name=a=b", "call", "status")

    assert json.loads(ended.stdout)["name"] == "a=b"


def test_a_wrong_value_of_an_option_is_a_wrong_setting(place: Place) -> None:
    """Named as it was given."""
    ended = place.run("start", "--port", "many")

    assert (ended.code, ended.stdout) == (78, "")
    assert ended.stderr.startswith("Error: ")
    assert "web.port" in ended.stderr
    assert "'many'" in ended.stderr


def test_the_settings_file_may_lie_anywhere(book: Place, tmp_path: Path) -> None:
    """Then the application is looked for beside it."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    file, folder = book.folder / "actionhero.toml", book.folder
    book.folder = elsewhere

    for location in (str(file), str(folder)):
        ended = book.run("--settings", location, "call", "book:number")
        assert (ended.code, ended.stdout) == (0, "42\n"), ended

    ended = book.run("--settings", "nowhere.toml", "call", "book:number")
    assert ended.code == 78
    assert ended.stderr == "Error: settings file 'nowhere.toml' does not exist\n"


def test_the_application_may_be_named_in_any_way(book: Place) -> None:
    """Its actions are found without being listed."""
    (book.folder / "actionhero.toml").unlink()

    assert book.run("call", "book:number").code == 2
    assert book.run("--app", "book", "call", "book:number").stdout == "42\n"
    assert book.run("--set", "app.package=book", "call", "book:number").stdout == "42\n"
    assert book.run("call", "book:number", ACTIONHERO_APP__PACKAGE="book").stdout == "42\n"


def test_log_level_says_how_much_is_told(book: Place) -> None:
    """A call from the shell is silent by itself."""
    assert book.run("call", "book:number").stderr == ""

    ended = book.run("--log-level", "info", "call", "book:number")

    assert ended.stdout == "42\n"
    assert "book:number" in ended.stderr
    assert book.run("--log-level", "loud", "call", "book:number").code == 2


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_cancels_a_call(book: Place, number: int, code: int) -> None:
    """What surrounds the action undoes what it began; nothing is told as if it were a value."""
    running = book.start("call", "book:wait")
    running.wait_for("waiting")

    ended = running.stop(number)

    assert (ended.code, ended.stdout) == (code, ""), ended
    assert "after book:wait" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_pipe_that_is_closed_is_no_crash(place: Place) -> None:
    """As with `actionhero config | head -1`, where the reader has enough."""
    ended = subprocess.run(
        ["bash", "-c", f"'{sys.executable}' -m actionhero config web | true"],
        cwd=place.folder,
        env={"PATH": os.environ["PATH"], "ACTIONHERO_PLUGINS__ENABLED": "web"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "powershell"])
def test_completion_is_printed_for_each_shell(place: Place, shell: str) -> None:
    """To be put where the shell looks."""
    ended = place.run("completion", shell)

    assert (ended.code, ended.stderr) == (0, "")
    assert "_ACTIONHERO_COMPLETE" in ended.stdout
    assert "actionhero" in ended.stdout


def completed(place: Place, words: str) -> list[str]:
    """Return what bash would offer for the last word."""
    ended = place.run(
        _ACTIONHERO_COMPLETE="bash_complete",
        COMP_WORDS=words,
        COMP_CWORD=str(len(words.split(" ")) - 1),
    )
    assert (ended.code, ended.stderr) == (0, ""), ended
    return [line.partition(",")[2] for line in ended.stdout.split()]


def test_words_are_completed(book: Place) -> None:
    """Commands, also of plugins, the names of actions, and their options."""
    assert completed(book, "actionhero ro") == ["routes"]
    assert completed(book, "actionhero call he") == ["hello"]
    assert completed(book, "actionhero call ") == [
        *("book:echo", "book:fail", "book:number", "book:rival", "book:rows", "book:wait"),
        *("hello", "status"),
    ]
    assert completed(book, "actionhero call book:echo --na") == ["--name"]
    assert completed(book, "actionhero start --po") == ["--port"]
    assert completed(book, "actionhero call hello --name A") == []


def test_words_are_completed_with_the_options_before_them(book: Place) -> None:
    """Those say which application it is."""
    (book.folder / "actionhero.toml").unlink()

    assert completed(book, "actionhero call book:n") == []
    assert completed(book, "actionhero --app book call book:n") == ["book:number"]


def test_completion_is_silent_when_something_is_wrong(book: Place) -> None:
    """A shell has no place for it."""
    book.write("actionhero.toml", "[web\n")

    assert completed(book, "actionhero call he") == []
    assert "start" in completed(book, "actionhero st")


def test_bash_completes_for_real(book: Place) -> None:
    """With what `actionhero completion bash` prints."""
    script = book.run("completion", "bash").stdout
    typed = """
        COMP_WORDS=(actionhero call hel) COMP_CWORD=2
        _actionhero_completion actionhero hel call
        echo "${COMPREPLY[@]}"
    """
    programs = Path(sys.executable).parent

    told = subprocess.run(
        ["bash", "-c", f"{script}\n{typed}"],
        cwd=book.folder,
        env={
            "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
            "ACTIONHERO_PLUGINS__ENABLED": "web,hello",
        },
        capture_output=True,
        text=True,
        check=False,
    )

    assert told.stdout == "hello\n", told
