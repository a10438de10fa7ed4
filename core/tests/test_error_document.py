"""The JSON document of an error."""

from __future__ import annotations

import json
from typing import Any

import pytest

from actionhero import Conflict, ErrorType, InvalidInput, Problem, TypedError
from actionhero.transport import error_document
from actionhero.transport.error_documents import VALUE_LIMIT, error_problems


def inner_document(error: TypedError, **more: Any) -> dict[str, Any]:
    """Return the inner document of an error, parsed from JSON."""
    document = error_document(error, timestamp_ms=1_700_000_000_000, request_id="r-1", **more)
    [(name, inner)] = json.loads(json.dumps(document, allow_nan=False).encode()).items()
    assert name == "error"
    assert isinstance(inner, dict)
    return inner


def test_the_minimal_document() -> None:
    """Message, type, time in milliseconds and the request id."""
    assert inner_document(Conflict("taken")) == {
        "message": "taken",
        "type": "CONNECTION_ACTION_CONFLICT",
        "timestamp": 1_700_000_000_000,
        "request_id": "r-1",
    }


def test_the_complete_document() -> None:
    """The invalid input, all problems and the traceback."""
    problems = (
        Problem("/name", "too short", "string_too_short"),
        Problem("/age", "too small", "greater_than"),
    )
    error = InvalidInput(
        "too short", type=ErrorType.PARAM_REQUIRED, key="name", value="A", problems=problems
    )

    assert inner_document(error, stack="Traceback …") == {
        "message": "too short",
        "type": "CONNECTION_ACTION_PARAM_REQUIRED",
        "timestamp": 1_700_000_000_000,
        "key": "name",
        "value": "A",
        "errors": [
            {"pointer": "/name", "message": "too short", "type": "string_too_short"},
            {"pointer": "/age", "message": "too small", "type": "greater_than"},
        ],
        "request_id": "r-1",
        "stack": "Traceback …",
    }
    assert error_problems(error) == inner_document(error)["errors"]


def test_a_transport_can_rename_the_type() -> None:
    """Foreign clients know other names."""
    assert (
        inner_document(Conflict("taken"), name="ACTION_VALIDATION")["type"] == "ACTION_VALIDATION"
    )


def test_without_a_call_there_is_no_request_id() -> None:
    """The key is omitted, not null."""
    document = error_document(Conflict("taken"), timestamp_ms=1, request_id=None)

    assert set(document["error"]) == {"message", "type", "timestamp"}


@pytest.mark.parametrize("value", [None, 0, 1.5, True, "", "text", [1, "a"], {"a": {"b": None}}])
def test_json_values_are_unchanged(value: Any) -> None:
    """`None` is a value; without a value, the key is omitted."""
    assert inner_document(Conflict("x", key="k", value=value))["value"] == value
    assert "value" not in inner_document(Conflict("x", key="k"))


def test_long_values_are_cut() -> None:
    """A thousand characters of text or of JSON."""
    assert inner_document(Conflict("x", value="x" * 5000))["value"] == "x" * VALUE_LIMIT
    assert len(inner_document(Conflict("x", value=["x"] * 5000))["value"]) == VALUE_LIMIT


class Strange:
    pass


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (2**64, str(2**64)),
        (-(2**70), str(-(2**70))),
        pytest.param(10**5000, "<int>", id="thousands of digits"),
        ({"n": 2**70}, {"n": str(2**70)}),
        (float("nan"), None),
        (float("inf"), None),
        ([float("nan")], [None]),
        ("\ud800", "?"),
        (["\ud800"], ["?"]),
        (b"bytes", "<bytes>"),
        (Strange(), "<Strange>"),
        ({"a": Strange()}, {"a": "<Strange>"}),
        ({1, 2}, "<set>"),
        ({("a", "b"): 1}, "<dict>"),
    ],
)
def test_values_without_json_are_replaced(value: Any, expected: Any) -> None:
    """Every error can be serialized."""
    assert inner_document(Conflict("x", value=value))["value"] == expected


def test_a_value_that_contains_itself_is_replaced_by_its_type() -> None:
    """It has infinite depth."""
    circle: list[Any] = []
    circle.append(circle)

    assert inner_document(Conflict("x", value=circle))["value"] == "<list>"


def test_an_error_of_an_earlier_call_keeps_its_time_and_request() -> None:
    """Such as a stored one."""
    error = Conflict("taken")
    error.timestamp_ms, error.request_id = 1_600_000_000_000, "r-0"

    document = inner_document(error)

    assert (document["timestamp"], document["request_id"]) == (1_600_000_000_000, "r-0")
