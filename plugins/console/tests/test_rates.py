"""The counts and durations of calls, and the kept log lines."""

from __future__ import annotations

import math
import random
from types import SimpleNamespace
from typing import Any

import pytest

from actionhero import NotFound, Outcome
from actionhero_console.rates import (
    INTERVAL_SECONDS,
    MAX_INTERVALS,
    CallRates,
    merge_actions,
    merge_rates,
    summary,
)
from actionhero_console.tail import MAX_LINES, LineFilter, LogTail


class Clock:
    """A clock that the test sets."""

    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


def end_call(
    rates: CallRates,
    seconds: float,
    outcome: Outcome | None = None,
    *,
    transport: str = "web",
    streams: bool = False,
) -> None:
    """Report the end of a call."""
    call: Any = SimpleNamespace(
        connection=SimpleNamespace(transport=transport),
        action=SimpleNamespace(name="greet", streams=streams),
    )
    rates.ended(call, outcome or Outcome(), seconds, None)


def test_percentiles_are_exact_to_nine_percent() -> None:
    """Also of two processes together."""
    generator = random.Random(7)
    durations = [generator.lognormvariate(-4, 1) for _ in range(2000)]
    one, other = CallRates(), CallRates()
    for index, seconds in enumerate(durations):
        end_call((one, other)[index % 2], seconds)

    total = merge_rates([one.rates(), other.rates()])["total"]

    durations.sort()
    assert total["calls"] == 2000
    for name, share in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99)):
        exact = durations[math.ceil(2000 * share) - 1] * 1000
        assert total[name] == pytest.approx(exact, rel=0.09)


def test_intervals_are_kept_for_an_hour() -> None:
    """Failures and unknown actions are errors; old durations are not counted."""
    clock = Clock()
    rates = CallRates(clock)
    connection: Any = SimpleNamespace(transport="websocket")
    end_call(rates, 0.01)
    for _ in range(MAX_INTERVALS + 5):
        clock.now += INTERVAL_SECONDS
        end_call(rates, 0.01, Outcome(error=NotFound("no such person")))
    rates.refused(connection, "nothing", NotFound("no such action"))

    merged = merge_rates([rates.rates()])

    assert len(merged["series"]) == MAX_INTERVALS
    assert merged["series"][-1][1:] == [2, 2]
    assert merged["transports"]["websocket"]["errors"] == 1
    assert merged["transports"]["web"]["calls"] == 30
    assert merge_actions([rates.actions()])["greet"]["calls"] == MAX_INTERVALS + 6


def test_streams_and_refused_calls_have_no_durations() -> None:
    """Those of streams are the wish of their clients. A cancelled call is no failure."""
    rates = CallRates()
    connection: Any = SimpleNamespace(transport="web")
    end_call(rates, 600.0, Outcome(error=NotFound("gone"), cancelled=True), streams=True)
    rates.refused(connection, "nothing", NotFound("no such action"))
    before = merge_rates([rates.rates()])["total"]
    end_call(rates, 0.5)

    total = merge_rates([rates.rates()])["total"]

    assert before == {"calls": 2, "errors": 1, "p50": None, "p95": None, "p99": None}
    assert (total["calls"], total["errors"]) == (3, 1)
    assert total["p50"] == pytest.approx(500, rel=0.09)


def test_without_calls_there_are_no_percentiles() -> None:
    """They are empty, not zero."""
    assert summary([]) == {"calls": 0, "errors": 0, "p50": None, "p95": None, "p99": None}


def test_lines_beyond_the_limit_are_counted() -> None:
    """Those that were dropped before they were read, too."""
    tail = LogTail(1000)
    for number in range(MAX_LINES + 50):
        tail.add({"message": f"line {number}", "value": object()})

    answer = tail.lines(0, LineFilter())

    assert (len(answer["lines"]), answer["left_out"]) == (MAX_LINES, 50)
    assert answer["lines"][-1][1]["message"] == f"line {MAX_LINES + 49}"
    for number in range(1200):
        tail.add({"message": f"later {number}"})
    later = tail.lines(answer["last"], LineFilter(text="LATER"))
    assert later["left_out"] == 1200 - MAX_LINES
    assert tail.lines(later["last"], LineFilter())["lines"] == []


@pytest.mark.parametrize(
    ("filter_", "expected"),
    [
        (LineFilter(level="warn"), ["c"]),
        (LineFilter(action="greet"), ["a", "b"]),
        (LineFilter(outcome="failed"), ["b"]),
        (LineFilter(outcome="ok"), ["a"]),
        (LineFilter(request_id="r1"), ["a"]),
        (LineFilter(text="DISK"), ["c"]),
    ],
)
def test_lines_are_filtered(filter_: LineFilter, expected: list[str]) -> None:
    """By each of the properties."""
    tail = LogTail(10)
    tail.add(
        {"message": "a", "level": "info", "action": "greet", "outcome": "ok", "request_id": "r1"}
    )
    tail.add(
        {"message": "b", "level": "info", "action": "greet", "outcome": "CONNECTION_ACTION_RUN"}
    )
    tail.add({"message": "c", "level": "error", "reason": "disk full"})

    lines = tail.lines(0, filter_)["lines"]

    assert [facts["message"] for _, facts in lines] == expected
