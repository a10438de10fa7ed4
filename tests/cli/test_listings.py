"""Listings of `actionhero`: tables for people, JSON for programs."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from tests.cli.terminal import on_terminal

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
        ["Name", "State", "Distribution", "Version", "Why"],
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
def test_listings_are_tables(
    book: Place, arguments: tuple[str, ...], headings: list[str], keys: set[str]
) -> None:
    """A heading, a rule, and one line per row, without colors in a pipe."""
    command = book.run(*arguments)

    assert (command.code, command.stderr) == (0, ""), command
    heading, rule, *lines = command.stdout.splitlines()
    assert heading.split() == headings
    assert set(rule) == {"─"}
    assert lines
    assert all(line == line.rstrip() for line in lines)
    assert "\x1b" not in command.stdout


@each_listing
def test_listings_are_json_on_request(
    book: Place, arguments: tuple[str, ...], headings: list[str], keys: set[str]
) -> None:
    """A list of objects on one line."""
    command = book.run(*arguments, "--format", "json")

    assert (command.code, command.stderr) == (0, ""), command
    [line] = command.stdout.splitlines()
    rows = json.loads(line)
    assert rows
    for row in rows:
        assert keys <= set(row)


def rows_of(place: Place, *arguments: str, **variables: str) -> list[dict[str, Any]]:
    """Return the rows of a listing."""
    rows: list[dict[str, Any]] = json.loads(
        place.run(*arguments, "--format", "json", **variables).stdout
    )
    return rows


def test_actions_are_listed_with_inputs_and_owners(book: Place) -> None:
    """Optional inputs are in brackets."""
    rows = {row["name"]: row for row in rows_of(book, "actions")}

    assert list(rows) == sorted(rows)
    assert rows["book:fail"]["inputs"] == ["how"]
    assert rows["book:options"]["inputs"] == ["[format]", "[help]", "[app]"]
    assert rows["hello"]["owner"].startswith("plugin 'hello' (actionhero-hello ")
    assert rows["book:fail"]["owner"] == "application 'book'"
    assert re.search(r"book/actions\.py:\d+$", rows["book:fail"]["source"])


def test_plugins_are_listed_with_the_reasons_of_their_states(book: Place) -> None:
    """Including disabled ones and the application."""
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


def test_config_lists_the_origin_of_every_value(book: Place) -> None:
    """Later sources override earlier ones."""
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


def test_config_can_be_limited_to_a_section(book: Place) -> None:
    """An unknown section is invalid usage."""
    assert {row["section"] for row in rows_of(book, "config", "logs")} == {"logs"}

    misspelled = book.run("config", "lgos")
    unknown = book.run("config", "xyz")

    assert misspelled.code == unknown.code == 2
    assert "unknown section 'lgos'; did you mean 'logs'?" in misspelled.stderr
    assert "unknown section 'xyz'; available: app, plugins, actions, " in unknown.stderr


def test_results_of_calls_can_be_tables(book: Place) -> None:
    """A list of objects is rows; other results are names and values. Markup is escaped."""
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


def test_the_json_of_a_call_is_one_line(book: Place) -> None:
    """Programs read it."""
    command = book.run("call", "book:number")

    assert (command.code, command.stdout, command.stderr) == (0, "42\n", "")


def test_names_are_not_wrapped_on_a_narrow_terminal(book: Place) -> None:
    """Sentences are wrapped, and nothing is truncated."""
    plugins = on_terminal(book, "plugins")
    config = on_terminal(book, "config")

    assert max(map(len, re.sub(r"\x1b\[\d*m", "", plugins + config).splitlines())) <= 80
    assert re.search(r"^hello +active +actionhero-hello ", plugins, re.MULTILINE)
    assert re.search(r"^web\.strict_transport_security ", config, re.MULTILINE)


def test_json_on_a_terminal_is_indented(book: Place) -> None:
    """For people."""
    assert on_terminal(book, "call", "book:rows").startswith("[\n  {\n    ")


def test_no_color_is_supported(book: Place) -> None:
    """Errors are red on a terminal by default."""
    colors = re.compile(r"\x1b\[[\d;]*3[0-7]m")
    book.write("actionhero.toml", 'app.package = "missing"\n')

    assert colors.search(on_terminal(book, "plugins"))
    assert not colors.search(on_terminal(book, "plugins", NO_COLOR="1"))
