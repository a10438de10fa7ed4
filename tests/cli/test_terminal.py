"""The command line for people: errors, suggestions, colors, and the shell."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest
from tests.cli.terminal import on_terminal

if TYPE_CHECKING:
    from tests.conftest import Place

RED = "\x1b[31m"


def test_errors_on_a_terminal_are_sentences(book: Place) -> None:
    """Each invalid input has a line, and the usage follows; in a pipe they are a document."""
    arguments = ("call", "book:echo", "--count", "many", "--address", '{"zip": 1}')

    text = on_terminal(book, *arguments, code=65)

    assert text.splitlines() == [
        f"{RED}Error:\x1b[0m name: required",
        f"{RED}Error:\x1b[0m count: Input should be a valid integer, unable to parse string as an "
        "integer",
        f"{RED}Error:\x1b[0m address.city: required",
        "Usage: actionhero call book:echo --name TEXT [OPTIONS]",
        "       actionhero call book:echo --help lists the inputs",
    ]
    piped = book.run(*arguments)
    assert (piped.code, piped.stdout) == (65, "")
    assert len(json.loads(piped.stderr)["error"]["errors"]) == 3


def test_expected_errors_on_a_terminal_have_no_traceback(book: Place) -> None:
    """Without colors on request."""
    text = on_terminal(book, "--color", "never", "call", "book:fail", "--how", "conflict", code=1)

    assert text == "Error: It exists already\n"


def test_errors_on_a_terminal_are_json_on_request(book: Place) -> None:
    """For programs that run commands on a terminal."""
    text = on_terminal(book, "call", "--format", "json", "book:echo", code=65)

    assert json.loads(text)["error"]["key"] == "name"


def test_tracebacks_show_the_frames_of_the_author(book: Place) -> None:
    """In development; those of libraries are one line."""
    text = on_terminal(book, "call", "book:fail", "--how", "crash", code=1)

    assert '  File "book/actions.py", line ' in text
    assert 'raise RuntimeError("internal details")' in text
    assert re.search(r"… \d+ frames? in actionhero", text), text
    assert "pipeline.py" not in text
    assert text.endswith("Error:\x1b[0m Internal error\n")


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (("serve",), "No such command 'serve'. Did you mean 'dev' or 'start'?"),
        (("strat",), "No such command 'strat'. Did you mean 'start'?"),
        (("help",), "No such command 'help'; actionhero --help lists them"),
        (("test",), "No such command 'test'; actionhero --help lists them"),
        (("book:echo",), "Actions are called with: actionhero call book:echo"),
        (("--port", "9", "start"), "write it after the command: actionhero start --port …"),
        (("call", "--nme", "A", "book:echo"), "follow its name: actionhero call NAME --nme …"),
        (("call", "echo"), "Action not found: echo; did you mean 'book:echo'?"),
        (("call", "book:echo", "--format", "table"), "actionhero call --format … book:echo"),
        (("call", "book:echo", "name=A"), "(name=A); inputs are options: --name …"),
        (("call", "book:echo", '{"name": "A"}'), "inputs are options: --NAME …"),
        (("start", "book:app"), "the application is an option: actionhero --app book start"),
        (("--env", "test", "start"), "No such option '--env'; set the variable ACTIONHERO_ENV"),
        (("--config", ".", "start"), "the folder of actionhero.toml is --settings FOLDER"),
    ],
    ids=[
        "name elsewhere",
        "typing error",
        "help as command",
        "tests as command",
        "action",
        "early option",
        "early input",
        "short name",
        "late option",
        "input without dashes",
        "inputs as JSON",
        "application after the command",
        "environment as option",
        "settings file as option",
    ],
)
def test_invalid_usage_has_a_suggestion(book: Place, arguments: tuple[str, ...], hint: str) -> None:
    """The exit code is 2."""
    command = book.run(*arguments)

    assert (command.code, command.stdout) == (2, "")
    assert hint in command.stderr


def test_an_unknown_action_has_the_command_that_lists_actions(book: Place) -> None:
    """Also if no action has a similar name."""
    text = on_terminal(book, "call", "xyzzy", code=2)

    assert "Action not found: xyzzy" in text
    assert text.rstrip().endswith("note: actionhero actions lists all actions")


@pytest.mark.parametrize("settings", ["../actionhero.toml", "shop/pyproject.toml"])
def test_a_settings_file_nearby_is_noted(book: Place, settings: str) -> None:
    """Above the current folder, or in it."""
    (book.folder / "actionhero.toml").unlink()
    book.folder /= "inner"
    book.folder.mkdir()
    book.write(settings, '[tool.actionhero.app]\npackage = "book"\n')

    command = book.run("actions")

    folder = settings.rpartition("/")[0]
    assert command.code == 0
    assert f"{settings} exists; run the command in that folder" in command.stderr
    assert command.stderr.endswith(f"or with: actionhero --settings {folder}\n")


def test_colors_can_be_forced(book: Place) -> None:
    """In a pipe, by a variable or an option, which overrides it."""
    book.write("actionhero.toml", 'app.package = "missing"\n')

    assert RED in book.run("plugins", FORCE_COLOR="1").stderr
    assert RED in book.run("--color", "always", "plugins", NO_COLOR="1").stderr
    assert RED not in book.run("--color", "never", "plugins", FORCE_COLOR="1").stderr


SCRIPT = """\
class Total:
    value = 40

result = await call("book:echo", name="Ada")
print(result["name"], (await call(Number)) + Total.value, app.environment)
"""


def test_the_shell_runs_scripts(book: Place) -> None:
    """From a pipe, with `await`, the application, and its classes."""
    command = book.run("shell", stdin_text=SCRIPT)

    assert (command.code, command.stdout, command.stderr) == (0, "Ada 82 development\n", "")


def test_a_failing_script_of_the_shell_exits_with_1(book: Place) -> None:
    """Its traceback has no frames of libraries."""
    command = book.run("shell", "-c", 'await call("book:fail", how="conflict")')

    assert (command.code, command.stdout) == (1, "")
    assert '  File "<shell>", line 1, in <module>\n' in command.stderr
    assert command.stderr.endswith("Conflict: It exists already\n")
    assert "pipeline.py" not in command.stderr


def test_the_shell_has_a_note_for_the_call_of_tests(book: Place) -> None:
    """Tests call actions by a method of their application."""
    command = book.run("shell", "-c", 'await app.call("book:number")')

    assert command.code == 1
    assert command.stderr.endswith("note: the shell has a function for it: await call(…)\n")


def test_the_shell_is_interactive_on_a_terminal(book: Place) -> None:
    """It has a history, and survives errors."""
    keys = '1 / 0\nawait call("book:number")\nprint("do" + "ne")\nexit()\n'

    text = on_terminal(book, "shell", "--plain", keys=keys)

    assert "ZeroDivisionError: division by zero" in text
    assert "\n42\n" in text
    assert "\ndone\n" in text
    [history] = book.folder.rglob("shell_history")
    assert 'await call("book:number")' in history.read_text("utf-8")
    assert history.stat().st_mode & 0o777 == 0o600


def test_an_unknown_plugin_has_a_suggestion_and_the_usage_of_the_command(place: Place) -> None:
    """The name is not a command, so the usage is that of `plugins`."""
    command = place.run("plugins", "wbe", "--format", "json")

    assert command.code == 2
    assert "Usage: actionhero plugins [OPTIONS]" in command.stderr
    assert command.stderr.endswith("unknown plugin 'wbe'; did you mean 'web'?\n")


def test_a_plugin_is_shown_in_detail(place: Place) -> None:
    """Its version, file, hooks, settings and commands."""
    command = place.run("plugins", "web", "--format", "json")

    assert (command.code, command.stderr) == (0, ""), command
    details = json.loads(command.stdout)
    assert details["distribution"] == "actionhero-web"
    assert details["file"].endswith("actionhero_web/plugin.py")
    assert "actionhero_servers" in details["hooks"]
    assert details["settings"][0].startswith("web: ")
    assert "routes: List the HTTP routes." in details["commands"]


FAULTY_PLUGIN = """
import tortoise

from actionhero import Field, Settings, hookimpl


class GuestSettings(Settings):
    section = "guest"

    size: int = 3


@hookimpl
def actionhero_settings():
    return [GuestSettings]


@hookimpl
def actionhero_actions():
    [GuestSettings]


def action_hero_servers():
    return []


@hookimpl
def actionhero_commands(group):
    from actionhero.cli import LazyCommand

    group.add_command(LazyCommand("guest", "guest_one.missing:guest", "Greet."))
"""


def test_plugins_are_checked_for_their_authors(place: Place) -> None:
    """Failures and warnings, of which failures determine the exit code."""
    pytest.importorskip("tortoise", reason="imported by the faulty plugin")
    module = place.install("guest-one", FAULTY_PLUGIN, plugin="guest", requires="click")

    command = place.run("plugins", "check", "guest", "hello", "--format", "json")

    assert command.code == 1, command
    rows = json.loads(command.stdout)
    assert all(row["finding"] == "ok" for row in rows if row["plugin"] == "hello")
    messages = {
        (row["check"], row["finding"]): row["message"] for row in rows if row["plugin"] == "guest"
    }
    text = "\n".join(row["message"] for row in rows)
    assert "guest-one does not require actionhero" in messages["metadata", "warning"]
    assert "guest_one.plugin imports " in messages["import", "warning"]
    assert f"actionhero_actions ({module}:" in text
    assert "returns nothing; add the return statement" in text
    assert "is no hook; did you mean actionhero_servers?" in text
    assert "no description of size" in messages["settings", "warning"]
    assert "the command 'guest' cannot be imported: " in messages["commands", "failed"]


def test_a_check_of_all_plugins_fails_for_one_that_is_not_installed(place: Place) -> None:
    """It belongs to none of them. A check of other plugins is not concerned."""
    place.enabled.append("nosuch")

    every = place.run("plugins", "check")
    one = place.run("plugins", "check", "hello")

    assert every.code == 1
    assert "problem: plugins.enabled contains 'nosuch', which is not installed" in every.stderr
    assert (one.code, one.stderr) == (0, "")


def test_config_shows_errors_at_their_settings(place: Place) -> None:
    """The valid settings of the section have their values."""
    place.write(
        "actionhero.toml",
        "[web]\nworkers = 'many'\nprefix = '/v1'\nprot = 80\n[mail]\nhost = 'x'\n",
    )

    command = place.run("config", "--format", "json")

    assert command.code == 78
    rows = {row["setting"]: row for row in json.loads(command.stdout)}
    assert rows["web.workers"]["value"].startswith("invalid value 'many': should be a valid int")
    assert rows["web.workers"]["origin"] == "actionhero.toml:2 web.workers"
    assert rows["web.prefix"]["value"] == "/v1"
    assert rows["web.prot"]["value"] == "unknown setting 'web.prot'; did you mean 'port'?"
    assert rows["mail.host"]["error"].startswith("unknown section 'mail'")
