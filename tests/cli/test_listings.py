"""What `actionhero` lists: tables for people, JSON for programs."""

from __future__ import annotations

import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from fcntl import ioctl
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.conftest import Place

LISTINGS: dict[str, tuple[tuple[str, ...], list[str], set[str]]] = {
    "actions": (
        ("actions",),
        ["Name", "Inputs", "Description", "From"],
        {"name", "inputs", "description", "owner", "source"},
    ),
    "routes": (
        ("routes",),
        ["Method", "Path", "Action", "Description"],
        {"method", "path", "action", "description", "source"},
    ),
    "plugins": (
        ("plugins",),
        ["Name", "State", "Distribution", "Version", "Why", "Adds"],
        {"name", "state", "distribution", "version", "module", "reason", "hooks"},
    ),
    "config": (
        ("config",),
        ["Setting", "Value", "From"],
        {"setting", "section", "key", "value", "origin", "variable"},
    ),
    "doctor": (("doctor",), ["Check", "Finding", "Message"], {"check", "finding", "message"}),
    "version": (("version",), ["Name", "Version"], {"name", "version"}),
}
each_listing = pytest.mark.parametrize(
    ("arguments", "headings", "keys"), LISTINGS.values(), ids=LISTINGS
)


@each_listing
def test_a_listing_is_a_table_for_people(
    book: Place, arguments: tuple[str, ...], headings: list[str], keys: set[str]
) -> None:
    """A heading, a rule, and a line for each thing; in a pipe without colors, however long."""
    ended = book.run(*arguments)

    assert (ended.code, ended.stderr) == (0, ""), ended
    heading, rule, *lines = ended.stdout.splitlines()
    assert heading.split() == headings
    assert set(rule) == {"─"}
    assert lines
    assert all(line == line.rstrip() for line in lines)
    assert "\x1b" not in ended.stdout


@each_listing
def test_a_listing_is_json_for_programs(
    book: Place, arguments: tuple[str, ...], headings: list[str], keys: set[str]
) -> None:
    """A list of objects on one line, and nothing beside it."""
    ended = book.run(*arguments, "--format", "json")

    assert (ended.code, ended.stderr) == (0, ""), ended
    [line] = ended.stdout.splitlines()
    rows = json.loads(line)
    assert rows
    for row in rows:
        assert keys <= set(row)


def rows_of(place: Place, *arguments: str, **variables: str) -> list[dict[str, Any]]:
    """Return what a command lists."""
    rows: list[dict[str, Any]] = json.loads(
        place.run(*arguments, "--format", "json", **variables).stdout
    )
    return rows


def test_actions_tell_what_they_take_and_where_they_are_from(book: Place) -> None:
    """Inputs that may be left out stand in brackets."""
    rows = {row["name"]: row for row in rows_of(book, "actions")}

    assert list(rows) == sorted(rows)
    assert rows["book:fail"]["inputs"] == ["how"]
    assert rows["book:rival"]["inputs"] == ["[format]", "[help]", "[app]"]
    assert rows["hello"]["owner"].startswith("plugin 'hello' (actionhero-hello ")
    assert rows["book:fail"]["owner"] == "application 'book'"
    assert re.search(r"book/actions\.py:\d+$", rows["book:fail"]["source"])


def test_plugins_tell_why_each_is_there(book: Place) -> None:
    """Also of those that are not used, and of the application."""
    book.enabled.remove("hello")
    rows = {row["name"]: row for row in rows_of(book, "plugins")}

    assert rows["core"]["reason"] == "part of actionhero"
    assert rows["web"]["reason"] == "listed in plugins.enabled"
    assert rows["web"]["distribution"] == "actionhero-web"
    assert "actionhero_servers" in rows["web"]["hooks"]
    assert rows["hello"]["state"] == "disabled"
    assert rows["hello"]["reason"] == "not listed in plugins.enabled"
    assert rows["application"]["module"] == "book"
    assert rows["application"]["reason"] == "named by app.package"


def test_config_tells_where_every_value_is_from(book: Place) -> None:
    """The last source wins."""
    settings = 'app.package = "book"\n[logs]\nlevel = "warn"\ncolors = "never"\n'
    book.write("actionhero.toml", settings)
    book.write(".env", "ACTIONHERO_LOGS__COLORS=always\n")

    rows = {
        row["setting"]: row
        for row in rows_of(
            book, "--set", "process.shutdown_timeout=5s", "--log-level", "error", "config"
        )
    }

    assert rows["logs.level"]["value"] == "error"
    assert "command line" in rows["logs.level"]["origin"]
    assert rows["logs.colors"]["value"] == "always"
    assert ".env:1" in rows["logs.colors"]["origin"]
    assert rows["app.package"]["origin"] == "actionhero.toml:1 app.package"
    assert rows["web.port"]["origin"] == "ACTIONHERO_WEB__PORT"
    assert rows["web.port"]["variable"] == "ACTIONHERO_WEB__PORT"
    assert rows["process.shutdown_timeout"]["value"] == "5s"
    assert rows["actions.timeout"]["origin"] == "default"


def test_config_of_one_section_lists_that_alone(book: Place) -> None:
    """An unknown one is wrong usage, with those that there are."""
    assert {row["section"] for row in rows_of(book, "config", "logs")} == {"logs"}

    ended = book.run("config", "lgos")

    assert ended.code == 2
    assert "there is no section 'lgos'; there are: app, plugins, actions, " in ended.stderr


def test_a_value_may_be_told_as_a_table(book: Place) -> None:
    """Rows where it is a list of objects, else names and values; markup is only text."""
    rows = book.run("call", "--format", "table", "book:rows").stdout
    status = book.run("call", "--format", "table", "status").stdout
    number = book.run("call", "--format", "table", "book:number").stdout

    assert [line.split() for line in rows.splitlines()] == [
        ["name", "age", "tags"],
        ["─" * len(rows.splitlines()[1])],
        ["Ada", "36"],
        ["[red]Bob", "a,", "b"],
    ]
    assert re.search(r"^healthy +yes$", status, re.MULTILINE)
    assert re.search(r"^value +42$", number, re.MULTILINE)


def test_json_of_a_call_is_one_line_of_its_value(book: Place) -> None:
    """And nothing else, so that a program can read it."""
    ended = book.run("call", "book:number")

    assert (ended.code, ended.stdout, ended.stderr) == (0, "42\n", "")


def on_terminal(place: Place, *arguments: str, columns: int = 80, **variables: str) -> str:
    """Run `actionhero` on a terminal, and return what stands on it."""
    ours, theirs = pty.openpty()
    ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    environ = {
        "PATH": os.environ["PATH"],
        "TERM": "xterm-256color",
        "ACTIONHERO_PLUGINS__ENABLED": "web,hello",
        **variables,
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "actionhero", *arguments],
        cwd=place.folder,
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=subprocess.STDOUT,
    )
    os.close(theirs)
    written = b""
    while True:
        try:
            piece = os.read(ours, 65536)
        except OSError:  # the other end is closed
            break
        if not piece:
            break
        written += piece
    os.close(ours)
    assert process.wait(60) == 0, written
    return written.decode().replace("\r\n", "\n")


def test_names_stay_in_one_piece_on_a_narrow_terminal(book: Place) -> None:
    """Sentences are folded, and nothing is cut off."""
    plugins = on_terminal(book, "plugins")
    config = on_terminal(book, "config")

    assert max(map(len, re.sub(r"\x1b\[\d*m", "", plugins + config).splitlines())) <= 80
    assert re.search(r"^hello +active +actionhero-hello ", plugins, re.MULTILINE)
    assert re.search(r"^web\.strict_transport_security ", config, re.MULTILINE)


def test_json_on_a_terminal_is_indented(book: Place) -> None:
    """For whoever reads it there."""
    assert on_terminal(book, "call", "book:rows").startswith("[\n  {\n    ")


def test_no_color_is_honoured(book: Place) -> None:
    """Errors are red on a terminal, unless somebody asked for no colors."""
    colors = re.compile(r"\x1b\[[\d;]*3[0-7]m")
    book.write("actionhero.toml", 'app.package = "nowhere"\n')

    assert colors.search(on_terminal(book, "plugins"))
    assert not colors.search(on_terminal(book, "plugins", NO_COLOR="1"))
