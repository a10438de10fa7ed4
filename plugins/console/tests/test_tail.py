"""The last log lines of a process, within the limits of an answer."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import Any

import pytest

from actionhero.transport import dumps
from actionhero_console.facts import browser_facts
from actionhero_console.tail import MAX_BYTES, MAX_LINES, MAX_TEXT, LineFilter, LogTail

HUGE = {
    "a long text": {"message": "x" * 1_000_000},
    "a long structure": {"message": "m", "inputs": {"text": ["x" * 1_000_000]}},
    "many long texts": {f"fact {number}": "ä" * 100_000 for number in range(20)},
}


@pytest.mark.parametrize("facts", HUGE.values(), ids=HUGE)
def test_long_lines_are_cut_before_they_are_kept(facts: dict[str, Any]) -> None:
    """A log of them has neither a large answer, nor much memory."""
    tail = LogTail(1000)
    for _ in range(300):
        tail.add(facts)

    answer = tail.lines(0, LineFilter())

    assert len(dumps(answer)) <= MAX_BYTES + 10 * MAX_LINES + 100
    assert 0 < len(answer["lines"]) <= MAX_LINES
    assert answer["left_out"] == 300 - len(answer["lines"])
    assert answer["lines"][-1][0] == answer["last"] == 300
    kept = [value for line in tail._lines for value in line.facts.values()]
    assert sum(map(sys.getsizeof, kept)) < 300 * 4 * (MAX_TEXT + 2500)


def test_lines_are_cut_to_those_that_an_answer_has_space_for() -> None:
    """The newest ones; tracebacks are long."""
    tail = LogTail(1000)
    for number in range(MAX_LINES):
        tail.add({"message": f"{number}", "exception": "x" * 5000})

    answer = tail.lines(0, LineFilter())

    assert answer["lines"][-1][1]["message"] == str(MAX_LINES - 1)
    assert MAX_LINES / 5 < len(answer["lines"]) < MAX_LINES


def test_a_process_that_has_restarted_begins_anew() -> None:
    """In a container, it has the name of the earlier one, whose position the page sends."""
    tail = LogTail(10)
    tail.add({"message": "started"})

    answer = tail.lines(5000, LineFilter())

    assert [facts["message"] for _, facts in answer["lines"]] == ["started"]
    assert (answer["last"], answer["left_out"]) == (1, 0)
    assert tail.lines(1, LineFilter())["lines"] == []


def test_facts_for_a_browser_have_all_digits() -> None:
    """It rounds numbers beyond 2^53."""
    facts = {
        "small": 2**53 - 1,
        "large": -(2**53),
        "inputs": {"id": 2**64 + 1},
        "at": datetime(2026, 1, 2, tzinfo=UTC),
        "object": ...,
        "none": None,
        "share": 0.5,
    }

    assert browser_facts(facts, 1000) == {
        "small": 2**53 - 1,
        "large": "-9007199254740992",
        "inputs": '{"id":18446744073709551617}',
        "at": "2026-01-02T00:00:00Z",
        "object": "Ellipsis",
        "none": None,
        "share": 0.5,
    }
