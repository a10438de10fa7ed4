"""The command line: options, errors, signals and completion."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.conftest import Place

#: By topic, as in the help.
TOPICS = {
    "Run": ["dev", "start"],
    "Call": ["actions", "call", "routes", "shell"],
    "Inspect": ["completion", "config", "doctor", "plugins", "version"],
}
COMMANDS = [name for names in TOPICS.values() for name in names]


def test_help_lists_every_command(place: Place) -> None:
    """Including those of plugins, by topic, and examples."""
    command = place.run("--help")

    assert (command.code, command.stderr) == (0, "")
    listed = {
        topic: re.findall(r"^  (\w+)  +[A-Z].*[.…]$", commands, re.MULTILINE)
        for topic, commands in re.findall(r"^(\w+):\n((?:  .*\n)+)", command.stdout, re.MULTILINE)
    }
    assert {topic: listed.get(topic) for topic in TOPICS} == TOPICS
    assert "  actionhero call status " in command.stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(place: Place, name: str) -> None:
    """With its usage."""
    command = place.run(name, "--help")

    assert (command.code, command.stderr) == (0, "")
    assert command.stdout.startswith(f"Usage: actionhero {name} ")


@pytest.mark.parametrize("option", ["--version", "-V"])
def test_version_is_one_word(place: Place, option: str) -> None:
    """For scripts."""
    command = place.run(option)

    assert (command.code, command.stderr) == (0, "")
    assert re.fullmatch(r"\d+\.\d+\.\d+\S*\n", command.stdout)


def test_start_without_a_server_is_an_error(place: Place) -> None:
    """`--port` and `routes` belong to the plugin of the server."""
    assert "--port" in place.run("start", "--help").stdout

    place.enabled.remove("web")

    assert "--port" not in place.run("start", "--help").stdout
    assert place.run("routes").code == 2
    command = place.run("start")
    assert (command.code, command.stdout) == (78, "")
    assert command.stderr == (
        "Error: there is no server to start; install one, such as actionhero-web, or remove its "
        "name from plugins.disabled\n"
    )


def test_the_program_and_the_module_are_the_same(place: Place) -> None:
    """`actionhero` and `python -m actionhero`."""
    program = Path(sys.executable).with_name("actionhero")

    process = subprocess.run([program, "--help"], cwd=place.folder, capture_output=True, check=True)

    assert process.stdout.startswith(b"Usage: actionhero [OPTIONS] COMMAND [ARGS]...")
    assert place.run("--help").stdout.startswith("Usage: actionhero [OPTIONS] COMMAND [ARGS]...")


def test_an_unknown_command_is_invalid_usage(place: Place) -> None:
    """The message contains a suggestion."""
    command = place.run("strat")

    assert (command.code, command.stdout) == (2, "")
    assert "No such command 'strat'" in command.stderr
    assert "start" in command.stderr


@pytest.mark.parametrize("assignment", ["web", "web=1", "web.=1", "=1"])
def test_set_requires_section_key_and_value(place: Place, assignment: str) -> None:
    """The message contains the expected form."""
    command = place.run("--set", assignment, "config")

    assert (command.code, command.stdout) == (2, "")
    assert f"{assignment!r} is not SECTION.KEY=VALUE" in command.stderr


def test_a_value_can_contain_an_equals_sign(place: Place) -> None:
    """Only the first one is a separator."""
    command = place.run("--set", "app.name=a=b", "call", "status")

    assert json.loads(command.stdout)["name"] == "a=b"


def test_an_invalid_value_of_an_option_is_an_invalid_setting(place: Place) -> None:
    """The message names the setting."""
    command = place.run("start", "--port", "many")

    assert (command.code, command.stdout) == (78, "")
    assert command.stderr.startswith("Error: ")
    assert "web.port" in command.stderr
    assert "'many'" in command.stderr


def test_the_settings_file_can_be_selected(book: Place, tmp_path: Path) -> None:
    """The application package is next to it."""
    other_folder = tmp_path / "other"
    other_folder.mkdir()
    file, folder = book.folder / "actionhero.toml", book.folder
    book.folder = other_folder

    for location in (str(file), str(folder)):
        command = book.run("--settings", location, "call", "book:number")
        assert (command.code, command.stdout) == (0, "42\n"), command

    command = book.run("--settings", "missing.toml", "call", "book:number")
    assert command.code == 78
    assert command.stderr == "Error: settings file 'missing.toml' does not exist\n"


def test_the_application_can_be_selected_in_every_source(book: Place) -> None:
    """Its actions are found automatically."""
    (book.folder / "actionhero.toml").unlink()

    assert book.run("call", "book:number").code == 2
    assert book.run("--app", "book", "call", "book:number").stdout == "42\n"
    assert book.run("--set", "app.package=book", "call", "book:number").stdout == "42\n"
    assert book.run("call", "book:number", ACTIONHERO_APP__PACKAGE="book").stdout == "42\n"


def test_an_application_is_loaded_without_collections_of_garbage(book: Place) -> None:
    """They are on again when it runs, and do not examine its modules."""
    book.write(
        "book/collections.py",
        """
import gc

from actionhero import Action

enabled = gc.isenabled()


class Collections(Action):
    name = "book:collections"

    async def run(self) -> list[bool]:
        return [enabled, gc.isenabled(), gc.get_freeze_count() > 0]
""",
    )

    assert json.loads(book.run("call", "book:collections").stdout) == [False, True, True]


def test_the_log_level_can_be_set(book: Place) -> None:
    """A call has no log output by default."""
    assert book.run("call", "book:number").stderr == ""

    command = book.run("--log-level", "info", "call", "book:number")

    assert command.stdout == "42\n"
    assert "book:number" in command.stderr
    assert book.run("--log-level", "loud", "call", "book:number").code == 2


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_cancels_a_call(book: Place, number: int, code: int) -> None:
    """Middleware runs, and there is no result."""
    running = book.start("call", "book:wait")
    running.wait_for("waiting")

    command = running.stop(number)

    assert (command.code, command.stdout) == (code, ""), command
    assert "after book:wait" in command.stderr
    assert "Traceback" not in command.stderr


def test_a_closed_pipe_is_no_error(place: Place) -> None:
    """As with `actionhero config | head -1`."""
    command = subprocess.run(
        ["bash", "-c", f"'{sys.executable}' -m actionhero config web | true"],
        cwd=place.folder,
        env={"PATH": os.environ["PATH"], "ACTIONHERO_PLUGINS__ENABLED": "web"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (command.returncode, command.stdout, command.stderr) == (0, "", "")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "powershell"])
def test_completion_supports_four_shells(place: Place, shell: str) -> None:
    """The script is on stdout."""
    command = place.run("completion", shell)

    assert (command.code, command.stderr) == (0, "")
    assert "_ACTIONHERO_COMPLETE" in command.stdout
    assert "actionhero" in command.stdout


def completed(place: Place, words: str) -> list[str]:
    """Return the completions of bash for the last word."""
    command = place.run(
        _ACTIONHERO_COMPLETE="bash_complete",
        COMP_WORDS=words,
        COMP_CWORD=str(len(words.split(" ")) - 1),
    )
    assert (command.code, command.stderr) == (0, ""), command
    return [line.partition(",")[2] for line in command.stdout.split()]


def test_words_are_completed(book: Place) -> None:
    """Commands of plugins, names of actions, and their options."""
    assert completed(book, "actionhero ro") == ["routes"]
    assert completed(book, "actionhero call he") == ["hello"]
    assert completed(book, "actionhero call ") == [
        *("book:echo", "book:fail", "book:number", "book:options", "book:rows", "book:wait"),
        *("hello", "status"),
    ]
    assert completed(book, "actionhero call book:echo --na") == ["--name"]
    assert completed(book, "actionhero start --po") == ["--port"]
    assert completed(book, "actionhero call hello --name A") == []


def test_completion_parses_the_preceding_options(book: Place) -> None:
    """They select the application."""
    (book.folder / "actionhero.toml").unlink()

    assert completed(book, "actionhero call book:n") == []
    assert completed(book, "actionhero --app book call book:n") == ["book:number"]


def test_names_of_actions_are_stored_for_completion(book: Place) -> None:
    """Until a file of the application changes; an application with errors has no names."""
    (book.folder / ".actionhero").mkdir()
    path = book.folder / "book" / "actions.py"
    assert completed(book, "actionhero call book:n") == ["book:number"]
    written_at = path.stat().st_mtime_ns

    path.write_text("invalid syntax", encoding="utf-8")
    os.utime(path, ns=(written_at, written_at))
    assert completed(book, "actionhero call book:n") == ["book:number"]

    os.utime(path, ns=(written_at, written_at + 1))
    assert completed(book, "actionhero call book:n") == []


def test_completion_prints_no_errors(book: Place) -> None:
    """Shells cannot show them."""
    book.write("actionhero.toml", "[web\n")

    assert completed(book, "actionhero call he") == []
    assert "start" in completed(book, "actionhero st")


def test_a_command_of_a_plugin_names_the_fault_of_the_settings(book: Place) -> None:
    """No plugin is loaded then, so the command is not known."""
    book.write("actionhero.toml", "[web\n")

    command = book.run("routes")

    assert command.code == 78
    assert command.stderr.startswith("Error: settings file 'actionhero.toml' is not valid TOML: ")


@pytest.mark.parametrize(
    ("line", "words", "expected"),
    [
        ("actionhero call hel", "actionhero call hel", "hello"),
        ("actionhero call book:nu", "actionhero call book : nu", "number"),
        ("actionhero call book:", "actionhero call book :", "echo fail number options rows wait"),
        ("actionhero call 'book:nu", "actionhero call \\'book:nu", "book:number"),
        ("actionhero config --format=js", "actionhero config --format = js", "json"),
    ],
)
def test_bash_runs_the_completion_script(book: Place, line: str, words: str, expected: str) -> None:
    """Bash splits words at colons, and replaces only the last part."""
    script = book.run("completion", "bash").stdout
    commands = f"""
        COMP_LINE={shlex.quote(line)} COMP_POINT={len(line)}
        COMP_WORDS=({words}) COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
        _actionhero_completion actionhero
        echo "${{COMPREPLY[@]}}"
    """
    programs = Path(sys.executable).parent

    process = subprocess.run(
        ["bash", "-c", f"{script}\n{commands}"],
        cwd=book.folder,
        env={
            "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
            "ACTIONHERO_PLUGINS__ENABLED": "web,hello",
        },
        capture_output=True,
        text=True,
        check=False,
    )

    assert process.stdout == f"{expected}\n", process


@pytest.mark.parametrize("closed", ["<&- >&- 2>&-", ">&-", "2>&-"])
def test_a_command_can_run_with_closed_streams(place: Place, closed: str) -> None:
    """As some supervisors start it; the others still get its output."""
    process = subprocess.run(
        ["sh", "-c", f"'{sys.executable}' -m actionhero config process {closed}"],
        cwd=place.folder,
        env={"PATH": os.environ["PATH"], "ACTIONHERO_PLUGINS__ENABLED": "nothing"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert process.returncode == 0, process
    assert ("process.shutdown_timeout" in process.stdout) is (">&-" not in closed.split())
    assert ("problem:" in process.stderr) is ("2>&-" not in closed)


PRINTS = """
    import os
    from actionhero import Action, hookimpl

    print("import")
    os.system("echo import of a child")

    class Noisy(Action):
        name = "noisy"

        async def run(self) -> int:
            print("run")
            os.system("echo run of a child")
            return 1

    class Stream(Action):
        name = "noisy:stream"

        async def run(self):
            print("run")
            yield 1

    @hookimpl
    def actionhero_actions(app):
        print("hook")
        return [Noisy, Stream]
"""


@pytest.mark.parametrize(
    ("arguments", "printed"),
    [
        (("call", "noisy"), {"import", "import of a child", "hook", "run", "run of a child"}),
        (("call", "noisy:stream"), {"import", "import of a child", "hook", "run"}),
        (("plugins", "--format", "json"), {"import", "import of a child", "hook"}),
        (("version", "--format", "json"), {"import", "import of a child"}),
        (("--version",), set()),
    ],
)
def test_stdout_is_data_only(place: Place, arguments: tuple[str, ...], printed: set[str]) -> None:
    """The output of plugins and actions is on stderr."""
    place.install("noisy", PRINTS)

    command = place.run(*arguments)

    assert (command.code, len(command.stdout.splitlines())) == (0, 1), command
    assert set(command.stderr.splitlines()) == printed


def test_tables_and_json_contain_no_terminal_controls(place: Place) -> None:
    """They are escaped in a pipe too: it may end at a terminal."""
    place.install(
        "guest",
        r"""
        from actionhero import Action, hookimpl

        class Controls(Action):
            name = "controls"

            async def run(self) -> dict[str, str]:
                return {"text": "\x1b]0;x\x07 \x9b31m \u202e a\nb"}

        @hookimpl
        def actionhero_actions(app):
            return [Controls]
        """,
    )

    table = place.run("call", "--format", "table", "controls").stdout
    document = place.run("call", "controls").stdout

    assert r"\x1b]0;x\x07 \x9b31m \u202e a" in table
    assert r"\u009b31m \u202e a\n" in document
    assert json.loads(document) == {"text": "\x1b]0;x\x07 \x9b31m \u202e a\nb"}
    for text in (table, document):
        assert not {"\x1b", "\x07", "\x9b", "\u202e"} & set(text)
