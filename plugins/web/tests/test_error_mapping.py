"""The HTTP statuses, names and documents of errors."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actionhero.errors import (
    Conflict,
    ErrorType,
    InvalidInput,
    NotFound,
    Problem,
    SignInRequired,
    TypedError,
)
from actionhero_web.responses.error_mapping import ERROR_MAPPINGS, ErrorFormat
from actionhero_web.responses.response_formats import FORMATS, PROBLEM_DETAILS

T = ErrorType

#: The standard status, and the status and name in the format `actionhero`, of each error type.
EXPECTED = {
    T.SERVER_INITIALIZATION: (500, 500, "SERVER_INITIALIZATION"),
    T.SERVER_START: (500, 500, "SERVER_START"),
    T.SERVER_STOP: (500, 500, "SERVER_STOP"),
    T.CONFIG_ERROR: (500, 500, "CONFIG_ERROR"),
    T.INITIALIZER_VALIDATION: (500, 500, "INITIALIZER_VALIDATION"),
    T.ACTION_VALIDATION: (500, 500, "ACTION_VALIDATION"),
    T.TASK_VALIDATION: (500, 500, "TASK_VALIDATION"),
    T.SERVER_VALIDATION: (500, 500, "SERVER_VALIDATION"),
    T.SESSION_NOT_FOUND: (401, 401, "CONNECTION_SESSION_NOT_FOUND"),
    T.SERVER_ERROR: (500, 500, "CONNECTION_SERVER_ERROR"),
    T.ACTION_NOT_FOUND: (404, 404, "CONNECTION_ACTION_NOT_FOUND"),
    T.PARAM_REQUIRED: (422, 406, "CONNECTION_ACTION_PARAM_REQUIRED"),
    T.PARAM_DEFAULT: (422, 406, "CONNECTION_ACTION_PARAM_REQUIRED"),
    T.PARAM_VALIDATION: (422, 406, "CONNECTION_ACTION_PARAM_REQUIRED"),
    T.PARAM_FORMATTING: (422, 406, "CONNECTION_ACTION_PARAM_REQUIRED"),
    T.ACTION_RUN: (500, 500, "CONNECTION_ACTION_RUN"),
    T.ACTION_TIMEOUT: (408, 408, "CONNECTION_ACTION_TIMEOUT"),
    T.CONFLICT: (409, 500, "ACTION_VALIDATION"),
    T.RECORD_NOT_FOUND: (404, 500, "CONNECTION_ACTION_RUN"),
    T.CREDENTIALS: (401, 500, "CONNECTION_ACTION_RUN"),
    T.FORBIDDEN: (403, 403, "CONNECTION_CHANNEL_AUTHORIZATION"),
    T.INPUT_REQUIRED: (406, 406, "CONNECTION_TYPE_NOT_FOUND"),
    T.CONNECTION_TYPE_NOT_FOUND: (406, 406, "CONNECTION_TYPE_NOT_FOUND"),
    T.NOT_SUBSCRIBED: (409, 406, "CONNECTION_NOT_SUBSCRIBED"),
    T.CHANNEL_AUTHORIZATION: (403, 403, "CONNECTION_CHANNEL_AUTHORIZATION"),
    T.CHANNEL_VALIDATION: (422, 400, "CONNECTION_CHANNEL_VALIDATION"),
    T.RATE_LIMITED: (429, 429, "CONNECTION_RATE_LIMITED"),
    T.TASK_DEFINITION: (500, 500, "CONNECTION_TASK_DEFINITION"),
    T.METHOD_NOT_ALLOWED: (405, 404, "CONNECTION_ACTION_NOT_FOUND"),
    T.REQUEST_MALFORMED: (400, 400, "CONNECTION_ACTION_RUN"),
    T.REQUEST_TOO_LARGE: (413, 413, "CONNECTION_ACTION_RUN"),
    T.MEDIA_TYPE: (415, 415, "CONNECTION_ACTION_RUN"),
    T.SERVICE_UNAVAILABLE: (503, 503, "CONNECTION_SERVER_ERROR"),
}

#: The names that the original ActionHero does not have, and that its clients do not know.
OWN_NAMES = {
    "CONNECTION_ACTION_INPUT_REQUIRED",
    "CONNECTION_ACTION_CONFLICT",
    "CONNECTION_ACTION_RECORD_NOT_FOUND",
    "CONNECTION_ACTION_CREDENTIALS",
    "CONNECTION_ACTION_FORBIDDEN",
    "CONNECTION_METHOD_NOT_ALLOWED",
    "CONNECTION_REQUEST_MALFORMED",
    "CONNECTION_REQUEST_TOO_LARGE",
    "CONNECTION_MEDIA_TYPE",
    "CONNECTION_SERVICE_UNAVAILABLE",
}


@pytest.mark.parametrize("error_type", ErrorType)
def test_every_error_type_has_a_status_and_a_name_in_both_formats(error_type: ErrorType) -> None:
    """A new error type needs an entry in `EXPECTED`."""
    status, actionhero_status, actionhero_name = EXPECTED[error_type]

    standard, actionhero = FORMATS["standard"], FORMATS["actionhero"]
    assert standard.status_of(error_type) == status
    assert standard.name_of(error_type) == error_type.value
    assert actionhero.status_of(error_type) == actionhero_status
    assert actionhero.name_of(error_type) == actionhero_name
    assert ERROR_MAPPINGS[error_type].title


def test_the_format_actionhero_has_only_names_of_the_original() -> None:
    """Its clients know no others."""
    names = {FORMATS["actionhero"].name_of(error_type) for error_type in ErrorType}

    assert names.isdisjoint(OWN_NAMES)
    assert {FORMATS["standard"].name_of(error_type) for error_type in ErrorType} > OWN_NAMES


def standard_document(
    error: TypedError, *, error_format: ErrorFormat = "standard", stack: str | None = None
) -> dict[str, Any]:
    document = FORMATS[error_format].error_document(error, request_id="r-1", stack=stack)
    content: dict[str, Any] = document["error"]
    return content


def test_the_error_document_has_four_required_keys() -> None:
    """They are in this order."""
    before_ms = time.time_ns() // 1_000_000

    document = standard_document(Conflict("User already exists"))

    assert list(document.items()) == [
        ("message", "User already exists"),
        ("type", "CONNECTION_ACTION_CONFLICT"),
        ("timestamp", document["timestamp"]),
        ("request_id", "r-1"),
    ]
    assert before_ms <= document["timestamp"] <= time.time_ns() // 1_000_000


def test_the_error_document_lists_all_invalid_inputs() -> None:
    """`message`, `key` and `value` are of the first, `errors` of all; keys are ordered."""
    error = InvalidInput(
        "Missing required param: name",
        type=ErrorType.PARAM_REQUIRED,
        key="name",
        value=None,
        problems=(
            Problem("/name", "Missing required param: name", "missing"),
            Problem("/address/zip", "Not a number", "int_parsing"),
        ),
    )

    document = standard_document(error, error_format="actionhero", stack="Traceback …")

    assert list(document) == [
        "message",
        "type",
        "timestamp",
        "key",
        "value",
        "errors",
        "request_id",
        "stack",
    ]
    assert document["type"] == "CONNECTION_ACTION_PARAM_REQUIRED"
    assert document["value"] is None
    assert document["stack"] == "Traceback …"
    assert document["errors"] == [
        {"pointer": "/name", "message": "Missing required param: name", "type": "missing"},
        {"pointer": "/address/zip", "message": "Not a number", "type": "int_parsing"},
    ]


def test_an_absent_value_is_omitted() -> None:
    """The value of a secret is omitted in the same way."""
    document = standard_document(InvalidInput("Too short", key="password"))

    assert document["key"] == "password"
    assert "value" not in document


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("x" * 1001, "x" * 1000),
        ("é" * 1000, "é" * 1000),
        ("\ud800", "?"),
        (12, 12),
        (1.5, 1.5),
        (True, True),
        (2**70, str(2**70)),
        ([2**70, {"a": None}], [str(2**70), {"a": None}]),
        (float("nan"), None),
        ([float("inf")], [None]),
        ({"a": [1, "é"]}, {"a": [1, "é"]}),
        (["x" * 2000], '["' + "x" * 998),
        ([10**5000], "<list>"),
        (object(), "<object>"),
        ({(1, 2): 3}, "<dict>"),
    ],
)
def test_a_value_is_truncated_and_json_compatible(value: object, expected: object) -> None:
    """It has at most a thousand characters, and can be encoded as JSON."""
    assert standard_document(InvalidInput("Wrong", key="a", value=value))["value"] == expected


def test_a_circular_value_is_replaced_by_its_type() -> None:
    """JSON cannot represent a list that contains itself."""
    value: list[object] = []
    value.append(value)

    assert standard_document(InvalidInput("Wrong", key="a", value=value))["value"] == "<list>"


@settings(deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner),
    )
)
def test_every_value_can_be_encoded(value: object) -> None:
    """For any value, the document is valid JSON in UTF-8."""
    document = standard_document(InvalidInput("Wrong", key="a", value=value))

    text = json.dumps(document, allow_nan=False, ensure_ascii=False)
    assert json.loads(text.encode()) == document


def test_problem_details_follow_rfc_9457() -> None:
    """Clients that accept `application/problem+json` get this document."""
    document = PROBLEM_DETAILS.error_document(
        NotFound("User with id 7 not found"), request_id="a/b c"
    )

    assert document == {
        "type": "urn:actionhero:error:CONNECTION_ACTION_RECORD_NOT_FOUND",
        "title": "Record not found",
        "status": 404,
        "detail": "User with id 7 not found",
        "instance": "urn:actionhero:request:a%2Fb%20c",
    }


def test_problem_details_list_all_invalid_inputs() -> None:
    """The items are the same as in the error document."""
    error = InvalidInput("No", problems=(Problem("/age", "Not a number", "int_parsing"),))

    document = PROBLEM_DETAILS.error_document(error, request_id="1")

    assert document["status"] == 422
    assert document["errors"] == [
        {"pointer": "/age", "message": "Not a number", "type": "int_parsing"}
    ]
    assert "errors" not in PROBLEM_DETAILS.error_document(SignInRequired(), request_id="1")
