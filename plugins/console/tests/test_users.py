"""The text form of users."""

from __future__ import annotations

from typing import Any

import pytest

from actionhero_console import parse_user, user_text


@pytest.mark.parametrize(("user", "text"), [
    (7, "7"),
    ("7", '"7"'),
    ("ada", "ada"),
    (" ada", '" ada"'),
    ({"tenant": 1}, '{"tenant":1}'),
    (9007199254740993, "9007199254740993"),
    ("null", '"null"'),
    ("", '""'),
    (None, ""),
])  # fmt: skip
def test_users_are_read_as_they_are_written(user: Any, text: str) -> None:
    """A number and a text with the same digits are different users."""
    assert user_text(user) == text
    assert parse_user(text) == user
    assert type(parse_user(text)) is type(user)
