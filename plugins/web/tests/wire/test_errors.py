"""Error responses: statuses, names, and the error document."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from plugins.web.tests.wire.conftest import HttpClient, Response, Serve

RUN = "CONNECTION_ACTION_RUN"

#: The standard status, and the status and name in the format `actionhero`, of each error type.
EXPECTED = {
    "SERVER_INITIALIZATION": (500, 500, None),
    "SERVER_START": (500, 500, None),
    "SERVER_STOP": (500, 500, None),
    "CONFIG_ERROR": (500, 500, None),
    "INITIALIZER_VALIDATION": (500, 500, None),
    "ACTION_VALIDATION": (500, 500, None),
    "TASK_VALIDATION": (500, 500, None),
    "SERVER_VALIDATION": (500, 500, None),
    "CONNECTION_SESSION_NOT_FOUND": (401, 401, None),
    "CONNECTION_SERVER_ERROR": (500, 500, None),
    "CONNECTION_ACTION_NOT_FOUND": (404, 404, None),
    "CONNECTION_ACTION_PARAM_REQUIRED": (422, 406, None),
    "CONNECTION_ACTION_PARAM_DEFAULT": (422, 406, "CONNECTION_ACTION_PARAM_REQUIRED"),
    "CONNECTION_ACTION_PARAM_VALIDATION": (422, 406, "CONNECTION_ACTION_PARAM_REQUIRED"),
    "CONNECTION_ACTION_PARAM_FORMATTING": (422, 406, "CONNECTION_ACTION_PARAM_REQUIRED"),
    "CONNECTION_ACTION_RUN": (500, 500, None),
    "CONNECTION_ACTION_TIMEOUT": (408, 408, None),
    "CONNECTION_ACTION_CONFLICT": (409, 500, "ACTION_VALIDATION"),
    "CONNECTION_ACTION_RECORD_NOT_FOUND": (404, 500, RUN),
    "CONNECTION_ACTION_CREDENTIALS": (401, 500, RUN),
    "CONNECTION_ACTION_FORBIDDEN": (403, 403, "CONNECTION_CHANNEL_AUTHORIZATION"),
    "CONNECTION_TYPE_NOT_FOUND": (406, 406, None),
    "CONNECTION_NOT_SUBSCRIBED": (409, 406, None),
    "CONNECTION_CHANNEL_AUTHORIZATION": (403, 403, None),
    "CONNECTION_CHANNEL_VALIDATION": (422, 400, None),
    "CONNECTION_RATE_LIMITED": (429, 429, None),
    "CONNECTION_TASK_DEFINITION": (500, 500, None),
    "CONNECTION_METHOD_NOT_ALLOWED": (405, 404, "CONNECTION_ACTION_NOT_FOUND"),
    "CONNECTION_REQUEST_MALFORMED": (400, 400, RUN),
    "CONNECTION_REQUEST_TOO_LARGE": (413, 413, RUN),
    "CONNECTION_MEDIA_TYPE": (415, 415, RUN),
    "CONNECTION_SERVICE_UNAVAILABLE": (503, 503, "CONNECTION_SERVER_ERROR"),
}

CLASSES = {
    "ChannelRefused": "CONNECTION_CHANNEL_AUTHORIZATION",
    "Conflict": "CONNECTION_ACTION_CONFLICT",
    "Forbidden": "CONNECTION_ACTION_FORBIDDEN",
    "InvalidCredentials": "CONNECTION_ACTION_CREDENTIALS",
    "InvalidInput": "CONNECTION_ACTION_PARAM_VALIDATION",
    "NotFound": "CONNECTION_ACTION_RECORD_NOT_FOUND",
    "RateLimited": "CONNECTION_RATE_LIMITED",
    "ServiceUnavailable": "CONNECTION_SERVICE_UNAVAILABLE",
    "SignInRequired": "CONNECTION_SESSION_NOT_FOUND",
    "Timeout": "CONNECTION_ACTION_TIMEOUT",
}


def status_and_type(response: Response) -> tuple[int, str]:
    return response.status, response.error["type"]


@pytest.mark.parametrize("error_type", EXPECTED)
def test_every_error_type_has_its_standard_status_and_its_own_name(
    standard: HttpClient, error_type: str
) -> None:
    """The status follows HTTP."""
    response = standard.get(f"/api/fail/{error_type}")

    assert status_and_type(response) == (EXPECTED[error_type][0], error_type)


@pytest.mark.parametrize("error_type", EXPECTED)
def test_every_error_type_has_its_original_status_and_name_in_the_format_actionhero(
    original: HttpClient, error_type: str
) -> None:
    """Clients of the original ActionHero get only statuses and names that they know."""
    response = original.get(f"/api/fail/{error_type}")

    assert status_and_type(response) == (
        EXPECTED[error_type][1],
        EXPECTED[error_type][2] or error_type,
    )


@pytest.mark.parametrize("name", CLASSES)
def test_every_error_class_has_its_error_type(client: HttpClient, name: str) -> None:
    """Authors raise `Conflict` without a type or status."""
    error_type = CLASSES[name]
    standard_status, original_status, original_name = EXPECTED[error_type]

    response = client.get(f"/api/fail/class/{name}")

    if client.error_format == "standard":
        assert status_and_type(response) == (standard_status, error_type)
    else:
        assert status_and_type(response) == (original_status, original_name or error_type)


def test_sign_in_required_has_the_message_session_not_found(client: HttpClient) -> None:
    """Clients of the original ActionHero compare this text."""
    assert client.get("/api/fail/class/SignInRequired").error["message"] == "Session not found"


def test_the_error_document_has_ordered_keys(client: HttpClient) -> None:
    """message, type, timestamp, key, value, errors, request_id, stack; absent ones are omitted."""
    plain = client.get("/api/nowhere").error
    before = time.time_ns() // 1_000_000
    invalid = client.send("PUT", "/api/account", json={"name": 7}).error
    crash = client.get("/api/crash").error

    assert list(plain) == ["message", "type", "timestamp", "request_id"]
    assert list(invalid) == [
        "message", "type", "timestamp", "key", "value", "errors", "request_id",
    ]  # fmt: skip
    assert list(crash) == ["message", "type", "timestamp", "request_id", "stack"]
    assert isinstance(invalid["timestamp"], int)
    assert before <= invalid["timestamp"] <= time.time_ns() // 1_000_000


def test_the_error_document_has_the_request_id_of_the_header(client: HttpClient) -> None:
    """The identifier can be quoted in a report."""
    for target in ("/api/nowhere", "/api/crash", "/nowhere"):
        response = client.get(target)

        assert response.error["request_id"] == response.header("X-Request-Id")


def test_errors_are_compact_or_indented_in_the_format_actionhero(
    standard: HttpClient, original: HttpClient
) -> None:
    """The latter end with CRLF."""
    compact = standard.get("/api/nowhere").body
    indented = original.get("/api/nowhere").body

    assert compact.startswith(
        b'{"error":{"message":"Action not found: GET /api/nowhere","type":"CONN'
    )
    assert not compact.endswith(b"\n")
    assert indented.startswith(b'{\n  "error": {\n    "message": "Action not found",\n    "type"')
    assert indented.endswith(b"\n}\r\n")
    assert indented.count(b"\r") == 1


def test_an_unexpected_exception_is_an_internal_error(serve: Serve) -> None:
    """If tracebacks are hidden, the response contains nothing of the exception."""
    for error_format in ("standard", "actionhero"):
        client = serve(errors__show_tracebacks="false", web__error_format=error_format)

        response = client.get("/api/crash")

        assert status_and_type(response) == (500, RUN)
        assert response.error["message"] == "Internal error"
        assert "stack" not in response.error
        assert b"SELECT" not in response.body
        assert response.error["request_id"]


def test_the_text_of_an_unexpected_exception_is_only_in_the_stack(standard: HttpClient) -> None:
    """In development the response has a traceback; the message is the same."""
    error = standard.get("/api/crash").error

    assert error["message"] == "Internal error"
    assert "RuntimeError: SELECT token FROM users WHERE id = 7" in error["stack"]
    assert error["stack"].startswith("Traceback (most recent call last)")


def test_the_stack_contains_no_secret(standard: HttpClient) -> None:
    """A secret in the text of an exception is redacted."""
    response = standard.post("/api/crash", {"password": "correct horse"})

    assert response.status == 500
    assert b"correct horse" not in response.body
    assert "no such password: [redacted]" in response.error["stack"]


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"ACTIONHERO_ENV": "development"}, True),
        ({"ACTIONHERO_ENV": "test"}, False),
        # In production, the announcement is a line of the JSON log.
        (
            {"ACTIONHERO_ENV": "production", "app__secret_key": "k" * 32, "logs__level": "info"},
            False,
        ),
        ({"web__host": "0.0.0.0"}, False),
        ({"web__host": "0.0.0.0", "errors__show_tracebacks": "true"}, True),
        ({"errors__show_tracebacks": "false"}, False),
    ],
    ids=lambda value: "-".join(value.values()) if isinstance(value, dict) else "",
)
def test_the_stack_is_shown_to_local_clients_in_development_only(
    serve: Serve, variables: dict[str, str], *, expected: bool
) -> None:
    """Not in production and not on public addresses, unless the setting is explicit."""
    response = serve(**variables).get("/api/crash")

    assert ("stack" in response.error) is expected
    assert (b"SELECT" in response.body) is expected


def test_invalid_inputs_have_no_stack(standard: HttpClient) -> None:
    """A client error needs no traceback."""
    assert "stack" not in standard.send("PUT", "/api/account", json={}).error


def test_a_timeout_error_contains_the_action_and_its_limit(client: HttpClient) -> None:
    """Status 408 in both error formats."""
    response = client.get("/api/slow")

    assert status_and_type(response) == (408, "CONNECTION_ACTION_TIMEOUT")
    assert response.error["message"] == "Action 'slow' timed out after 20ms"


def test_service_unavailable_has_retry_after(client: HttpClient) -> None:
    """The value of the error, or one second."""
    assert client.get("/api/fail/later").header("Retry-After") == "17"
    assert client.get("/api/fail/CONNECTION_SERVICE_UNAVAILABLE").header("Retry-After") == "1"
    assert client.get("/api/fail/CONNECTION_ACTION_RUN").header("Retry-After") is None


def test_the_value_of_an_error_is_truncated_to_1000_characters(client: HttpClient) -> None:
    """Also if the action has set it."""
    error = client.get("/api/fail/value").error

    assert error["key"] == "email"
    assert error["value"] == "x" * 1000


def test_problem_json_is_rfc_9457_with_the_standard_status(client: HttpClient) -> None:
    """Clients that accept `application/problem+json` get it in both error formats."""
    response = client.send(
        "PUT", "/api/account", json={"name": "Ada"}, headers={"Accept": "application/problem+json"}
    )

    assert response.status == 422
    assert response.header("Content-Type") == "application/problem+json"
    assert list(response.json) == ["type", "title", "status", "detail", "instance", "errors"]
    assert response.json["status"] == 422
    assert response.json["type"] == "urn:actionhero:error:CONNECTION_ACTION_PARAM_REQUIRED"
    assert response.json["detail"] == "Missing required param: email"
    assert response.json["instance"].endswith(response.header("X-Request-Id") or "?")
    assert response.json["errors"][0] == {
        "pointer": "/email", "message": "Missing required param: email", "type": "missing",
    }  # fmt: skip


@pytest.mark.parametrize("error_type", EXPECTED)
def test_problem_json_has_the_standard_status_of_every_error_type(
    client: HttpClient, error_type: str
) -> None:
    """The document is the same in both error formats."""
    response = client.get(
        f"/api/fail/{error_type}", accept="application/json, Application/Problem+JSON"
    )

    assert response.status == response.json["status"] == EXPECTED[error_type][0]
    assert response.json["type"].endswith(f":{error_type}")
    assert response.json["detail"] == "it failed"
    assert "errors" not in response.json


def test_problem_json_is_used_for_errors_before_an_action(client: HttpClient) -> None:
    """For unknown paths, methods and malformed bodies."""
    accept = {"Accept": "application/problem+json", "Content-Type": "application/json"}

    missing = client.send("GET", "/api/nowhere", None, accept)
    outside = client.send("GET", "/nowhere", None, accept)
    method = client.send("PUT", "/api/echo/number/1", None, accept)
    malformed = client.send("POST", "/api/echo", b"{", accept)

    statuses = [response.status for response in (missing, outside, method, malformed)]
    assert statuses == [404, 404, 405, 400]
    for response in (missing, outside, method, malformed):
        assert response.json["status"] == response.status
        assert response.header("Content-Type") == "application/problem+json"
    assert method.header("Allow")


@pytest.mark.parametrize("target", ["/failing-page", "/endpoint?crash"])
def test_an_exception_in_a_native_handler_is_an_internal_error(
    client: HttpClient, target: str
) -> None:
    """The response is our error document with a request id."""
    response = client.get(target)

    assert status_and_type(response) == (500, RUN)
    assert response.error["message"] == "Internal error"
    assert b"SELECT" not in response.body
    assert re.fullmatch(r"[0-9a-f-]{36}", response.error["request_id"])


@pytest.mark.parametrize(
    "name",
    ["Panic", "GeneratorExit", "SystemExit", "StopIteration", "StopAsyncIteration",
     "CancelledError"],
)  # fmt: skip
@pytest.mark.parametrize(
    "path", ["/native/raise", "/endpoint", "/api/raise/run", "/api/raise/status"]
)
def test_exceptions_outside_of_exception_are_logged_errors(
    standard: HttpClient, path: str, name: str
) -> None:
    """aiohttp would close the connection without a response, and some would stop the server."""
    standard.new_log_text()

    response = standard.get(f"{path}?name={name}")

    assert status_and_type(response) == (500, RUN)
    assert response.error["message"] == "Internal error"
    assert "out of bounds" in standard.new_log_text()
    assert standard.is_alive


@pytest.mark.parametrize("target", ["/native/typed-error", "/endpoint?conflict"])
def test_a_native_handler_may_raise_typed_errors(client: HttpClient, target: str) -> None:
    """The response is the same as that of an action."""
    expected = client.get("/api/fail/class/Conflict")

    response = client.get(target)

    assert status_and_type(response) == status_and_type(expected)
    assert response.error["message"] == "taken"


@pytest.mark.parametrize("middleware", [{}, {"WIRE_MIDDLEWARE": "1"}])
@pytest.mark.parametrize("path", ["/api/cancel", "/native/cancel"])
def test_a_task_that_cancels_itself_is_an_internal_error(
    serve: Serve, path: str, middleware: dict[str, str]
) -> None:
    """The client is still connected, and the connection stays open."""
    server = serve(**middleware)
    server.new_log_text()

    with server.connected() as connection:
        for _ in range(2):
            connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            assert connection.recv(65536).startswith(b"HTTP/1.1 500 ")

    assert server.new_log_text().count("has cancelled the task of the request") >= 2
