"""A call on a server has the output, the errors and the exit code of a local call."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.conftest import Place
from tests.remote.foreign_servers import ForeignServer, Reply, document

from actionhero import ErrorType

if TYPE_CHECKING:
    from tests.remote.conftest import Far, Server

SAME: list[tuple[str, ...]] = [
    ("book:echo", "--name", "Ada", "--count", "3", "--ratio", "0.5"),
    ("book:echo", "--name", "Ada", "--loud"),
    ("book:echo", "--name", "Ada", "--loud=false", "--tags", "a", "--tags", "b,c"),
    ("book:echo", "--name", "Ada", "--numbers", "[1,2]", "--day", "2026-02-28"),
    ("book:echo", "--name", "Ada", "--first-name", "", "--due-day", "Monday"),
    ("book:echo", "--name", "日本 'x' &=+%\"\n", "--address", '{"city": "Ulm", "zip": 1}'),
    ("book:echo", "--name", "Ada", "--people", '{"city": "U"}', "--people", '{"city": "R"}'),
    ("book:echo", "--name", "Ada", "--table", '{"a": 1}', "--color", "blue", "--color", "red"),
    ("book:echo", "--name", "A", "--count", "many", "--color", "green"),
    ("book:echo", "--name", "Ada", "--address", "{"),
    ("book:echo",),
    ("book:echo", "--nme", "Ada"),
    ("book:echo", "Ada"),
    ("book:echo", "--name", b"\xff".decode(errors="surrogateescape")),
    ("book:echo", "--help"),
    ("book:query", "--name", "Ä&b", "--numbers", "1", "--people", '[{"city": "Ulm"}]'),
    ("book:query", "--count", "x"),
    ("book:query", "--help"),
    ("book:everywhere", "--id", "a/b ?#%ü", "--size", "2", "--token", "grün", "--theme", "d; k"),
    ("book:everywhere", "--size", "2"),
    ("book:everywhere", "--id", "7", "--size", "x"),
    ("book:other", "--key", "7"),
    ("book:rest", "--place", "a/b/c.txt"),
    ("book:open", "--name", "x", "--other", "1", "--third=2"),
    ("book:rows",),
    ("--format", "table", "book:rows"),
    ("--format", "table", "book:value", "--kind", "text"),
    *(("book:value", "--kind", kind) for kind in ("null", "text", "number", "large", "true")),
    ("book:value", "--kind", "unknown"),
    ("book:nothing",),
    ("book:health",),
    ("book:bok",),
    ("book:guarded",),
    ("stream:counter", "--count", "3"),
    ("stream:counter", "--count", "0"),
    ("stream:counter", "--count", "many"),
    ("--format", "table", "stream:counter", "--count", "2"),
    ("stream:texts",),
    ("stream:mixed",),
    ("stream:export",),
    ("stream:fails", "--count", "2", "--type", "CONNECTION_ACTION_CONFLICT"),
    ("stream:fails", "--count", "2", "--type", "CONNECTION_SERVICE_UNAVAILABLE"),
    ("stream:fails", "--count", "0", "--type", "CONNECTION_ACTION_CONFLICT"),
]

#: The number of calls of a part.
PART = 16
#: Imported once, before all calls.
LOCAL_MODULES = ("actionhero.app", "actionhero.cli.call", "actionhero_web.server")
REMOTE_MODULES = ("actionhero_remote.commands.call",)

#: The parts of an error document that differ from call to call.
VOLATILE = ("timestamp", "request_id", "stack")


ERRORS: list[tuple[str, ...]] = [
    ("book:fail", "--type", str(type_)) for type_ in [*ErrorType, "crash"]
]


def in_parts(calls: list[tuple[str, ...]]) -> list[Any]:
    """Return calls in parts, each of which ends in time on a busy machine."""
    return [
        pytest.param(calls[start : start + PART], id=f"{start}-{start + PART}")
        for start in range(0, len(calls), PART)
    ]


def run_both(
    calls: list[tuple[str, ...]], server: Server, folder: Path
) -> tuple[dict[tuple[str, ...], Any], dict[tuple[str, ...], Any]]:
    """Return the outcomes of calls on a server and of local ones, by their arguments."""
    far = Place(folder, folder / "site", ["remote"])
    here = Place(server.place.folder, server.place.site, server.place.enabled)
    for place in (here, far):
        place.program = (sys.executable, str(Path(__file__).with_name("many_commands.py")))
    lines = [["call", *arguments] for arguments in calls]
    there = [["--url", server.url, *line] for line in lines]
    runs = (
        far.start(*REMOTE_MODULES, stdin_text=json.dumps(there)),
        here.start(*LOCAL_MODULES, stdin_text=json.dumps(lines)),
    )
    remote, local = (
        [outcome_of(*outcome) for outcome in json.loads(run.wait().stdout)] for run in runs
    )
    return dict(zip(calls, remote, strict=True)), dict(zip(calls, local, strict=True))


@pytest.mark.parametrize("calls", in_parts(SAME))
def test_a_remote_call_is_like_a_local_call(
    calls: list[tuple[str, ...]], server: Server, tmp_path: Path
) -> None:
    """The same standard output, the same error document, the same exit code."""
    remote, local = run_both(calls, server, tmp_path)

    assert remote == local


@pytest.mark.parametrize("calls", in_parts(ERRORS))
def test_every_error_type_has_the_exit_code_of_a_local_call(
    calls: list[tuple[str, ...]], server: Server, tmp_path: Path
) -> None:
    """Independent of its status over HTTP."""
    remote, local = run_both(calls, server, tmp_path)

    assert all(outcome[0] for outcome in local.values())
    assert remote == local


def test_files_are_sent_as_the_local_call_reads_them(server: Server, far: Far) -> None:
    """With their names and media types; also several, and beside other inputs."""
    for place in (server.place, far.place):
        place.write("nötes 1.txt", "a note")
        place.write("page.html", "<p>")
    arguments = (
        *("call", "book:upload", "--file", "nötes 1.txt", "--title", "ü"),
        *("--more", "page.html", "--more", "nötes 1.txt"),
    )
    here, there = server.local(*arguments), far.start("--url", far.url, *arguments)

    local, remote = here.wait(), there.wait()

    assert local.code == 0, local
    assert json.loads(remote.stdout) == json.loads(local.stdout)


def test_a_file_can_be_the_standard_input(far: Far) -> None:
    """A pipe, whose size is unknown."""
    command = far.run(
        *("--url", far.url, "call", "book:upload", "--file", "/dev/stdin"), stdin_text="a note"
    )

    assert json.loads(command.stdout) == ["", ["stdin", "application/octet-stream", "a note"]]


def test_an_unreadable_file_is_invalid_usage(far: Far) -> None:
    """As for a local call."""
    command = far.call("book:upload", "--file", "missing.txt")

    assert (command.code, command.stdout) == (2, "")
    assert "cannot read 'missing.txt': No such file or directory" in command.stderr


@pytest.mark.parametrize("id", [".", ".."])
def test_dots_are_no_value_of_a_path(far: Far, id: str) -> None:
    """Clients and proxies remove them, so another action would run."""
    command = far.call("book:everywhere", "--id", id)

    assert (command.code, command.stdout) == (65, "")
    error = json.loads(command.stderr)["error"]
    assert (error["key"], error["type"]) == ("id", "CONNECTION_ACTION_PARAM_VALIDATION")
    assert error["message"] == f"Input is {id!r}, which a path cannot contain"


def test_a_call_has_an_idempotency_key(far: Far) -> None:
    """As an option of the command, and not as an input of the action."""
    parameter = {"in": "header", "name": "Idempotency-Key", "required": True}
    operation = {"summary": "buy", "operationId": "buy", "parameters": [parameter]}
    replies = {"/api/swagger": document(paths={"/buy": {"post": operation}}), "/api/buy": Reply()}
    with ForeignServer(replies).run() as other:
        call = ("--url", other.url, "call")
        command = far.run(*call, "--idempotency-key", "k 1", "buy")
        without = far.run(*call, "buy")
        usage = far.run(*call, "buy", "--help")
        malformed = [
            far.run(*call, "--idempotency-key", key, "buy")
            for key in ("k\n", "k\udcff", "kö", "k\x7f", " ", "")
        ]

    keys = [headers.get("Idempotency-Key") for _, path, headers in other.requests if "buy" in path]
    assert (command.code, without.code) == (0, 0)
    assert [broken.code for broken in malformed] == [65] * 6
    assert keys == ["k 1", None]
    assert "dempotency" not in usage.stdout
    for broken in malformed:
        assert json.loads(broken.stderr)["error"]["key"] == "Idempotency-Key"


def test_an_action_without_a_route_is_unknown(far: Far) -> None:
    """The document lists actions that HTTP reaches."""
    command = far.call("book:hidden")

    assert command.code == 2
    assert json.loads(command.stderr)["error"]["type"] == "CONNECTION_ACTION_NOT_FOUND"


def test_a_redirect_of_an_action_is_not_followed(server: Server, far: Far) -> None:
    """The error has the type of a local call, and contains the target."""
    here, there = (
        server.local("call", "book:redirect"),
        far.start("--url", far.url, "call", "book:redirect"),
    )

    local, remote = here.wait(), there.wait()

    assert (remote.code, remote.stdout) == (local.code, "")
    assert json.loads(remote.stderr)["error"]["type"] == json.loads(local.stderr)["error"]["type"]
    assert "/api/rows" in remote.stderr


def test_actions_are_listed_with_their_routes(far: Far) -> None:
    """And with their inputs, in brackets if they are optional."""
    command = far.run("--url", far.url, "actions", "--format", "json")

    assert (command.code, command.stderr) == (0, "")
    rows = {row["name"]: row for row in json.loads(command.stdout)}
    assert rows["book:everywhere"] == {
        "name": "book:everywhere",
        "description": "Return inputs of a path, a body, a header and a cookie.",
        "inputs": ["id", "[token]", "[theme]", "[size]"],
        "route": "PUT /items/{id}",
    }
    assert "book:hidden" not in rows


def outcome_of(code: int, stdout: str, stderr: str) -> tuple[int, str, Any]:
    """Return the exit code, the standard output, and the errors without times and identifiers."""
    errors: list[Any] = []
    for line in stderr.splitlines():
        if line.startswith("hint: "):
            continue
        if line.startswith('{"error"'):
            document = json.loads(line)
            errors.append({k: v for k, v in document["error"].items() if k not in VOLATILE})
        elif not re.match(r"\d\d:\d\d:\d\d|\s|Traceback|\w+Error: ", line):
            errors.append(line)
    return code, stdout, errors
