"""Tests of input schemas, row ids and timestamps, without a server."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

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
from actionhero_chat.fields import IntRange, RowId
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
def test_schemas_contain_the_limits(inputs: Any, field: str, limits: dict[str, int]) -> None:
    """The API document describes the valid values."""
    schema = schema_of(inputs, field)

    names = ("minLength", "maxLength", "minimum", "maximum", "default")
    assert {name: schema[name] for name in names if name in schema} == limits
    assert schema["description"]


def test_schemas_contain_the_limits_of_optional_fields() -> None:
    """No field of an edit is required."""
    schema = TypeAdapter(UserEditInputs).json_schema()

    assert "required" not in schema
    name = schema["properties"]["name"]
    assert (name["minLength"], name["maxLength"]) == (1, 256)


@pytest.mark.parametrize("value", [1, "1", 2**31 - 1, str(2**31 - 1)])
def test_row_ids_are_integers_or_their_decimal_text(value: object) -> None:
    """A path contains text, JSON a number."""
    assert TypeAdapter(RowId).validate_python(value) == int(str(value))


@pytest.mark.parametrize("value", [0, -1, "0", "-1"])
def test_row_ids_are_positive(value: object) -> None:
    """The message is that of the original."""
    with pytest.raises(ValidationError, match="Too small: expected number to be >0"):
        TypeAdapter(RowId).validate_python(value)


@pytest.mark.parametrize("value", [1.5, "1.5", " .5", "-1.5"])
def test_numbers_with_a_fraction_are_not_integers(value: object) -> None:
    """From JSON and from text."""
    number: TypeAdapter[int] = TypeAdapter(Annotated[int, IntRange(1, 9)])

    with pytest.raises(ValidationError, match="Invalid input: expected int, received number"):
        number.validate_python(value)


@pytest.mark.parametrize("value", [2**31, 10**50, 1.5, "", "abc", "1.5", None, [], {}])
def test_invalid_row_ids_have_one_error_message(value: object) -> None:
    """The message does not depend on the value."""
    with pytest.raises(ValidationError) as raised:
        TypeAdapter(RowId).validate_python(value)

    assert [error["msg"] for error in raised.value.errors()] == ["Invalid input"]


def test_timestamps_are_serialized_as_whole_milliseconds() -> None:
    """They are rounded down, so that no timestamp is in the future."""
    timestamp = datetime(2026, 1, 2, 3, 4, 5, 678_999, tzinfo=UTC)

    assert timestamps.to_milliseconds(timestamp) == 1_767_323_045_678
    assert timestamps.to_milliseconds(timestamps.EPOCH) == 0
    assert timestamps.to_milliseconds(timestamp.astimezone()) == 1_767_323_045_678


def test_now_after_is_later_even_if_the_clock_was_set_back() -> None:
    """The difference is at least a millisecond, the resolution of the wire format."""
    future = timestamps.now() + timedelta(days=1)
    past = timestamps.now() - timedelta(days=1)

    assert (
        timestamps.to_milliseconds(timestamps.now_after(future))
        == timestamps.to_milliseconds(future) + 1
    )
    assert timestamps.now_after(past) > past + timedelta(hours=23)
