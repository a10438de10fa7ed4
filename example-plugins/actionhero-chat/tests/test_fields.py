"""The inputs of the chat as a schema, and how their parts are told: what needs no server."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from actionhero_chat.actions.files import FileUploadInputs
from actionhero_chat.actions.messages import (
    MessageCreateInputs,
    MessagesCleanupInputs,
    MessagesListInputs,
    MessageViewInputs,
)
from actionhero_chat.actions.users import UserCreateInputs, UserEditInputs
from actionhero_chat.fields import RowId
from actionhero_chat.ops import timestamps


def schema_of(inputs: Any, field: str) -> dict[str, Any]:
    schema: dict[str, Any] = TypeAdapter(inputs).json_schema()["properties"][field]
    return schema


@pytest.mark.parametrize(
    ("inputs", "field", "limits"),
    [
        (UserCreateInputs, "name", {"minLength": 3, "maxLength": 256}),
        (UserCreateInputs, "email", {"minLength": 3, "maxLength": 320}),
        (UserCreateInputs, "password", {"minLength": 8, "maxLength": 256}),
        (MessageCreateInputs, "body", {"minLength": 1, "maxLength": 1000}),
        (FileUploadInputs, "stringParam", {"minLength": 1}),
        (MessageViewInputs, "message", {"minimum": 1, "maximum": 2**31 - 1}),
        (MessagesListInputs, "page", {"minimum": 1, "maximum": 2**53 - 1, "default": 1}),
        (MessagesListInputs, "limit", {"minimum": 1, "maximum": 100, "default": 10}),
        (
            MessagesCleanupInputs,
            "age",
            {"minimum": 1000, "maximum": 2**53 - 1, "default": 86_400_000},
        ),
    ],
)
def test_a_schema_tells_the_limits(inputs: Any, field: str, limits: dict[str, int]) -> None:
    """Who reads the document of the API knows what fits before sending it."""
    schema = schema_of(inputs, field)

    names = ("minLength", "maxLength", "minimum", "maximum", "default")
    assert {name: schema[name] for name in names if name in schema} == limits
    assert schema["description"]


def test_a_schema_tells_the_limits_of_what_may_be_left_out() -> None:
    """All that can be changed may stay."""
    schema = TypeAdapter(UserEditInputs).json_schema()

    assert "required" not in schema
    name = schema["properties"]["name"]
    assert (name["minLength"], name["maxLength"]) == (1, 256)


@pytest.mark.parametrize("value", [1, "1", 2**31 - 1, str(2**31 - 1)])
def test_an_id_is_a_number_or_its_text(value: object) -> None:
    """As it stands in a path, or in JSON."""
    assert TypeAdapter(RowId).validate_python(value) == int(str(value))


@pytest.mark.parametrize("value", [0, -1, 2**31, 10**50, 1.5, "", "abc", "1.5", None, [], {}])
def test_whatever_is_no_id_is_refused_in_the_same_words(value: object) -> None:
    """There is nothing to learn from them."""
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(RowId).validate_python(value)

    assert [problem["msg"] for problem in caught.value.errors()] == ["Invalid input"]


def test_a_moment_is_told_in_whole_milliseconds() -> None:
    """Cut, never rounded up: nothing is told to be in the future."""
    moment = datetime(2026, 1, 2, 3, 4, 5, 678_999, tzinfo=UTC)

    assert timestamps.milliseconds(moment) == 1_767_323_045_678
    assert timestamps.milliseconds(timestamps.EPOCH) == 0
    assert timestamps.milliseconds(moment.astimezone()) == 1_767_323_045_678


def test_what_comes_after_a_moment_is_later_even_if_the_clock_was_set_back() -> None:
    """By a millisecond at least, since that is what is told."""
    future = timestamps.now() + timedelta(days=1)
    past = timestamps.now() - timedelta(days=1)

    assert timestamps.milliseconds(timestamps.after(future)) == timestamps.milliseconds(future) + 1
    assert timestamps.after(past) > past + timedelta(hours=23)
