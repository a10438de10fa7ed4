"""How a failure is told as JSON."""

from __future__ import annotations

import json
from typing import Any

import pytest

from actionhero import Conflict, ErrorType, InvalidInput, Problem, TypedError
from actionhero.transport import error_document
from actionhero.transport.error_document import VALUE_LIMIT, error_problems


def told(error: TypedError, **more: Any) -> dict[str, Any]:
    """Return what is told of an error, as whoever reads the JSON gets it."""
    document = error_document(error, timestamp_ms=1_700_000_000_000, request_id="r-1", **more)
    [(name, inner)] = json.loads(json.dumps(document, allow_nan=False).encode()).items()
    assert name == "error"
    assert isinstance(inner, dict)
    return inner


def test_the_least_that_is_told() -> None:
    """Message, type, time in milliseconds and the request id."""
    assert told(Conflict("taken")) == {
        "message": "taken",
        "type": "CONNECTION_ACTION_CONFLICT",
        "timestamp": 1_700_000_000_000,
        "request_id": "r-1",
    }


def test_all_that_may_be_told() -> None:
    """Which input is to blame, everything that is wrong, and for developers the traceback."""
    problems = (
        Problem("/name", "too short", "string_too_short"),
        Problem("/age", "too small", "greater_than"),
    )
    error = InvalidInput(
        "too short", type=ErrorType.PARAM_REQUIRED, key="name", value="A", problems=problems
    )

    assert told(error, stack="Traceback …") == {
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
    assert error_problems(error) == told(error)["errors"]


def test_a_door_may_have_its_own_name_for_the_type() -> None:
    """Foreign clients know other names."""
    assert told(Conflict("taken"), name="ACTION_VALIDATION")["type"] == "ACTION_VALIDATION"


def test_without_a_call_there_is_no_request_id() -> None:
    """The key is left out, and not null."""
    document = error_document(Conflict("taken"), timestamp_ms=1, request_id=None)

    assert set(document["error"]) == {"message", "type", "timestamp"}


@pytest.mark.parametrize("value", [None, 0, 1.5, True, "", "text", [1, "a"], {"a": {"b": None}}])
def test_a_value_is_told_as_it_is(value: Any) -> None:
    """`None` is a value like any other; only without a value there is none."""
    assert told(Conflict("x", key="k", value=value))["value"] == value
    assert "value" not in told(Conflict("x", key="k"))


def test_a_long_value_is_cut() -> None:
    """A thousand characters, of text as well as of what is written as JSON."""
    assert told(Conflict("x", value="x" * 5000))["value"] == "x" * VALUE_LIMIT
    assert len(told(Conflict("x", value=["x"] * 5000))["value"]) == VALUE_LIMIT


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
def test_what_has_no_json_is_told_all_the_same(value: Any, expected: Any) -> None:
    """A failure can be written down, whatever its author put into it."""
    assert told(Conflict("x", value=value))["value"] == expected


def test_what_holds_itself_is_told_by_its_type() -> None:
    """It has no end."""
    circle: list[Any] = []
    circle.append(circle)

    assert told(Conflict("x", value=circle))["value"] == "<list>"
