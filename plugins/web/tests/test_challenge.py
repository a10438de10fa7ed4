"""The value of `WWW-Authenticate`."""

from __future__ import annotations

import pytest

from actionhero_web.responses.challenge import Challenge


@pytest.mark.parametrize(
    "text", ["a\r\nX-Evil: 2", "a\nb", "a\x00b", 'a"b', "a\\b", "grün", "a\x7fb", "\u2028"]
)
def test_a_reason_cannot_end_the_header(text: str) -> None:
    """It may be a text of a library."""
    value = Challenge("shop", {"Bearer": {}}).of({"error": text, "x\r\ny": "1"})

    assert value.isascii()
    assert value.isprintable()
    assert value.count('"') == 6
    assert "\\" not in value
    assert value.startswith('Bearer realm="shop", error="')
