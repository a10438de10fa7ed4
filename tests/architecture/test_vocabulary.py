"""The vocabulary of code, docs and messages is the field's, and so is the register of the prose."""

from __future__ import annotations

import importlib
import subprocess
import sys
import time
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING
from unittest.mock import patch

import pytest

if TYPE_CHECKING:
    from tests.architecture import vocabulary
else:
    # It is in no package.
    with patch.object(sys, "path", [str(Path(__file__).parent), *sys.path]):
        vocabulary = importlib.import_module("vocabulary")

SCRIPT = Path(__file__).with_name("vocabulary.py")

each_construction = pytest.mark.parametrize(
    "construction", vocabulary.CONSTRUCTIONS, ids=lambda construction: str(construction.name)
)


@cache
def timed_scan() -> tuple[vocabulary.Report, float]:
    """Return the report on the whole repository, and the seconds of CPU time that it took."""
    start = time.process_time()
    report = vocabulary.scan(vocabulary.read_sources())
    return report, time.process_time() - start


def repository() -> vocabulary.Report:
    """Return the report on the whole repository."""
    return timed_scan()[0]


def found(text: str, path: str = "core/src/actionhero/sample.py") -> list[str]:
    """Return the forbidden terms of a sample, each with the standard term."""
    return [str(violation) for violation in vocabulary.violations(vocabulary.Source(path, text))]


def uses(name: str, text: str, path: str = "docs/sample.md") -> list[str]:
    """Return the sentences of a sample that use a construction."""
    [construction] = [each for each in vocabulary.CONSTRUCTIONS if each.name == name]
    matches = vocabulary.matches(vocabulary.Source(path, text), construction)
    return [match.sentence for match in matches]


def test_forbidden_terms_are_absent() -> None:
    """Each violation names the file, the line and the standard term."""
    report = repository()

    listing = "\n".join(map(str, report.violations))
    assert not report.violations, f"{len(report.violations)} forbidden terms:\n{listing}"


@each_construction
def test_constructions_stay_within_their_limits(construction: vocabulary.Construction) -> None:
    """In the whole repository, and in each package."""
    report = repository()

    over = report.excess(construction)

    listing = "\n".join(map(str, report.matches[construction.name]))
    assert not over, (
        f"{construction.name}: more than {construction.limit_per_1000} per 1,000 words in "
        f"{', '.join(over)}; write {construction.instead} instead\n{report.table}\n{listing}"
    )


# --- The guard itself ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "forbidden"),
    [
        ("# The door is closed.", "door"),
        ("def open_door(): ...", "door"),
        ("class DoorKind: ...", "Door"),
        ("class HTTPDoors: ...", "Doors"),
        ("MAX_KNOBS = 3", "KNOBS"),
        ('name = "stillborn"', "stillborn"),
        ("connection.say_farewell()", "farewell"),
        ("class Relay: ...", "Relay"),
        ('"""Starts a `Relay`."""', "Relay"),
        ("def run(raw): ...", "raw"),
        ("from actionhero.mark import hookimpl", "actionhero.mark"),
        ("def actionhero_kinds(): ...", "actionhero_kinds"),
        ('"""The setting `web.errors`."""', "web.errors"),
        ('env = {"ACTIONHERO_WEB__ERRORS": "x"}', "WEB__ERRORS"),
        ('TOML = """\\\n[web]\nport = 1\nerrors = "x"\n"""', "errors"),
    ],
)
def test_a_forbidden_term_is_found(text: str, forbidden: str) -> None:
    """In code, comments, strings and docstrings, also as a part of an identifier."""
    [violation] = found(text)

    assert f" {forbidden!r} -> " in violation


@pytest.mark.parametrize(
    "text",
    [
        "# The heartbeat, the years, outdoors, a plane, and a sealant.",
        "# Line 3 is wrong. Registered twice. A raw string is kept.",
        "class LineParser: ...",
        "request.raw_headers, request.raw_path",
        'name = "raw"',
        "request = connection.raw",
        "actionhero_checks = actionhero_validate",
        'TOML = """\\\n[web]\nport = 1\n[other]\nerrors = "x"\n"""',
        "import actionhero_websocket.calls",
    ],
)
def test_a_legitimate_term_is_not_found(text: str) -> None:
    """Ordinary words, longer words, and what other libraries are named."""
    assert found(text) == []


def test_a_violation_names_file_line_and_standard_term() -> None:
    """In the form that editors and terminals open."""
    [violation] = found('"""A module."""\n\n\ndef enter(courier): ...\n')

    assert violation == (
        "core/src/actionhero/sample.py:4: 'courier' -> executor: ThreadPoolExecutor(1)"
    )


def test_a_line_is_right_after_strings_and_comments() -> None:
    """Names are looked up where all else is blank, and lines are counted in the file."""
    [violation] = found('"""Two\n\nlines."""\nx = "a" + "b"  # c\nclass Heads: ...\n')

    assert ":5: 'Heads' -> " in violation


@pytest.mark.parametrize(
    ("path", "count"),
    [
        ("plugins/web/tests/test_door.py", 1),
        ("core/src/actionhero/raw.py", 1),
        ("core/src/actionhero/raw_data.py", 0),
        ("plugins/tasks/tests/test_worker.py", 0),
    ],
)
def test_paths_are_searched(path: str, count: int) -> None:
    """A module is forbidden by its dotted name, a metaphor in any name."""
    assert len(found("", path)) == count


def test_a_scope_limits_a_term() -> None:
    """A job has a worker id; an action still has an owner."""
    text = "owner = 1"

    assert found(text, "core/src/actionhero/action.py") == []
    assert len(found(text, "plugins/tasks/src/actionhero_tasks/worker/worker.py")) == 1


def test_no_allowed_use_is_without_a_reason() -> None:
    """Each entry says why."""
    assert all(len(allowed.reason.split()) > 3 for allowed in vocabulary.ALLOWED)


def test_no_standard_term_is_forbidden() -> None:
    """A term is not replaced by another forbidden one."""
    wrong = [
        (term.forbidden, violation.forbidden)
        for term in vocabulary.TERMS
        for violation in vocabulary.violations(
            vocabulary.Source(f"{(term.scope or ('docs/',))[0]}x.md", term.standard)
        )
    ]

    assert wrong == []


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("clauses", "Return what was kept."),
        ("clauses", "The channel says who has joined."),
        ("clauses", "Every failure ends here, whatever came of it."),
        ("clauses", "It is not\nwhat it was."),
        ("tell", "The server tells the client its status."),
        ("tell", "The reason is told in the log."),
        ("persons", "Nobody reads the answer."),
        ("persons", "Whoever subscribes gets the history."),
    ],
)
def test_a_construction_is_found(name: str, text: str) -> None:
    """Once for each use."""
    assert len(uses(name, text)) == 1


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("clauses", "# What is an action?\n\nAn operation."),
        ("clauses", "The setting controls what is logged, regardless of what the client sent."),
        ("clauses", "Users who have joined get the history."),
        ("clauses", "```python\nwhat = who\n```\n\nCall `what()`."),
        ("tell", "The two are told apart by their path."),
        ("tell", "Use file.tell() for the position."),
        ("persons", "Set User=nobody in the unit."),
        ("persons", "It prints Hello, everybody and stops."),
    ],
)
def test_a_standard_use_is_not_counted(name: str, text: str) -> None:
    """Questions, relative clauses about persons, code, and data."""
    assert uses(name, text) == []


def test_the_prose_of_a_module_is_docstrings_comments_messages_and_names_of_tests() -> None:
    """Code, keys and short strings are none."""
    text = '''"""Who has joined."""
KEY = "what"
# Who is
# here.
raise ValueError(f"what was kept of {KEY} is gone")
def test_what_is_kept_stays(): ...
def what_is_kept(): ...
'''

    assert uses("clauses", text, "tests/test_sample.py") == [
        "*Who* has joined.",
        "*Who* is here.",
        "*what* was kept of … is gone",
        "test *what* is kept stays",
    ]


def test_a_package_over_its_limit_is_named_when_the_whole_is_not() -> None:
    """A large repository hides no small package."""
    small = vocabulary.Source("plugins/web/README.md", "Nobody knows. " * 4)
    large = vocabulary.Source("docs/page.md", "A plain sentence. " * 10_000)
    [persons] = [each for each in vocabulary.CONSTRUCTIONS if each.name == "persons"]

    report = vocabulary.scan([small, large])

    assert report.excess(persons) == ["plugins/web"]


def test_the_script_lists_violations_and_counts(tmp_path: Path) -> None:
    """Its exit code is 1 when something is over a limit; a folder without git is scanned too."""
    (tmp_path / "page.md").write_text("Open the door.\n", encoding="utf-8")
    command = [sys.executable, str(SCRIPT), "--root", str(tmp_path)]

    run = subprocess.run(command, capture_output=True, text=True, check=False)

    assert run.returncode == 1
    assert run.stdout.startswith("page.md:1: 'door' -> transport, or server\n")
    assert "\ntotal " in run.stdout


def test_the_scan_is_fast() -> None:
    """About four seconds; the limit leaves room for a slow machine."""
    _, elapsed_seconds = timed_scan()

    assert elapsed_seconds < 20
