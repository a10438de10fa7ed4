"""Tests of the grammar of rates."""

from __future__ import annotations

import pytest

from actionhero_limits.rate import Rate, parse_rate


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("1/second", Rate(1, 1)),
        ("30/minute", Rate(30, 60)),
        ("30/minutes", Rate(30, 60)),
        ("3/10minutes", Rate(3, 600)),
        ("3/10minute", Rate(3, 600)),
        ("100/hour", Rate(100, 3600)),
        ("5/2days", Rate(5, 172_800)),
        ("1000000/second", Rate(1_000_000, 1)),
    ],
)
def test_rates(text: str, rate: Rate) -> None:
    assert parse_rate(text) == rate


@pytest.mark.parametrize(
    "text",
    [
        "",
        "30",
        "/minute",
        "0/minute",
        "-1/minute",
        "1.5/minute",
        "30/minit",
        "30/ minute",
        " 30/minute",
        "30/minute ",
        "30/0minutes",
        "30/week",
        "30/MINUTE",
        "٣/minute",
        "30/minute\n",
    ],
)
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a rate; write a number of calls and a period"):
        parse_rate(text)


def test_a_rate_is_at_most_a_million_per_second() -> None:
    with pytest.raises(ValueError, match="more than a million calls per second"):
        parse_rate("1000001/second")
