"""The syntax of idempotency keys."""

from __future__ import annotations

import http_sf
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actionhero import MalformedRequest
from actionhero_limits.idempotency.key import parse_key

VISIBLE = st.characters(min_codepoint=0x21, max_codepoint=0x7E)


@given(st.text(VISIBLE, min_size=1, max_size=255))
def test_a_key_is_a_structured_string(key: str) -> None:
    """As another implementation writes it."""
    assert parse_key(http_sf.ser(key)) == key
    assert parse_key(f"  {http_sf.ser(key)};version=1 ") == key


@given(st.text(VISIBLE, min_size=1, max_size=255).filter(lambda key: not key.startswith('"')))
def test_a_key_may_be_bare(key: str) -> None:
    """Without quotation marks."""
    assert parse_key(key) == key


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param('""', id="empty string"),
        pytest.param("two words", id="space"),
        pytest.param('"two words"', id="space in a string"),
        pytest.param('"a", "b"', id="list"),
        pytest.param("a, b", id="bare list"),
        pytest.param('"a', id="open string"),
        pytest.param('"a"b', id="trailing"),
        pytest.param('"\\a"', id="wrong escape"),
        pytest.param('"é"', id="not ASCII"),
        pytest.param("é", id="bare, not ASCII"),
        pytest.param("a\tb", id="control character"),
        pytest.param("\udc80", id="not UTF-8"),
        pytest.param("k" * 256, id="too long"),
        pytest.param(f'"{"k" * 256}"', id="too long string"),
    ],
)
def test_malformed_keys(text: str) -> None:
    """The message has an example."""
    with pytest.raises(MalformedRequest, match="Idempotency-Key is malformed; send 1 to 255"):
        parse_key(text)
