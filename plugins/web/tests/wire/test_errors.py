"""How failures are told: statuses, names, and the envelope."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from plugins.web.tests.wire.conftest import Answer, Door, Serve

RUN = "CONNECTION_ACTION_RUN"

#: The type: status and name in profile `standard`, then in profile `actionhero`.
TABLE = {
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


def status_for(answer: Answer) -> tuple[int, str]:
    return answer.status, answer.error["type"]


@pytest.mark.parametrize("kind", TABLE)
def test_every_type_of_error_has_its_standard_status_and_keeps_its_name(
    standard: Door, kind: str
) -> None:
    """Each failure has the status that HTTP has for it, and our name."""
    answer = standard.get(f"/api/fail/{kind}")

    assert status_for(answer) == (TABLE[kind][0], kind)


@pytest.mark.parametrize("kind", TABLE)
def test_every_type_of_error_is_told_by_the_names_of_the_reference_in_profile_actionhero(
    original: Door, kind: str
) -> None:
    """Clients of the original meet only the names and statuses that they know."""
    answer = original.get(f"/api/fail/{kind}")

    assert status_for(answer) == (TABLE[kind][1], TABLE[kind][2] or kind)


@pytest.mark.parametrize("name", CLASSES)
def test_every_class_of_error_is_told_as_its_type(door: Door, name: str) -> None:
    """An author raises `Conflict`, and need not know of types or statuses."""
    kind = CLASSES[name]
    standard_status, original_status, original_name = TABLE[kind]

    answer = door.get(f"/api/fail/class/{name}")

    if door.profile == "standard":
        assert status_for(answer) == (standard_status, kind)
    else:
        assert status_for(answer) == (original_status, original_name or kind)


def test_sign_in_required_says_session_not_found(door: Door) -> None:
    """The text that clients of the original compare with."""
    assert door.get("/api/fail/class/SignInRequired").error["message"] == "Session not found"


def test_the_envelope_has_its_fields_in_order(door: Door) -> None:
    """message, type, timestamp, key, value, errors, request_id, stack; what is not there is out."""
    plain = door.get("/api/nowhere").error
    before = time.time_ns() // 1_000_000
    invalid = door.send("PUT", "/api/account", json={"name": 7}).error
    crash = door.get("/api/crash").error

    assert list(plain) == ["message", "type", "timestamp", "request_id"]
    assert list(invalid) == [
        "message", "type", "timestamp", "key", "value", "errors", "request_id",
    ]  # fmt: skip
    assert list(crash) == ["message", "type", "timestamp", "request_id", "stack"]
    assert isinstance(invalid["timestamp"], int)
    assert before <= invalid["timestamp"] <= time.time_ns() // 1_000_000


def test_the_request_id_in_the_envelope_is_that_of_the_header(door: Door) -> None:
    """One identifier, to quote in a complaint."""
    for target in ("/api/nowhere", "/api/crash", "/nowhere"):
        answer = door.get(target)

        assert answer.error["request_id"] == answer.header("X-Request-Id")


def test_errors_are_compact_and_in_profile_actionhero_indented_with_crlf_at_the_end(
    standard: Door, original: Door
) -> None:
    """The bytes of the envelope."""
    compact = standard.get("/api/nowhere").body
    indented = original.get("/api/nowhere").body

    assert compact.startswith(b'{"error":{"message":"Action not found","type":"CONN')
    assert not compact.endswith(b"\n")
    assert indented.startswith(b'{\n  "error": {\n    "message": "Action not found",\n    "type"')
    assert indented.endswith(b"\n}\r\n")
    assert indented.count(b"\r") == 1


def test_an_unexpected_exception_is_told_as_internal_error(serve: Serve) -> None:
    """Nothing of it leaves the process where tracebacks are not shown."""
    for profile in ("standard", "actionhero"):
        door = serve(errors__show_tracebacks="false", web__error_format=profile)

        answer = door.get("/api/crash")

        assert status_for(answer) == (500, RUN)
        assert answer.error["message"] == "Internal error"
        assert "stack" not in answer.error
        assert b"SELECT" not in answer.body
        assert answer.error["request_id"]


def test_the_text_of_an_unexpected_exception_comes_only_with_its_stack(standard: Door) -> None:
    """In development the developer sees what happened; the message stays the same."""
    error = standard.get("/api/crash").error

    assert error["message"] == "Internal error"
    assert "RuntimeError: SELECT token FROM users WHERE id = 7" in error["stack"]
    assert error["stack"].startswith("Traceback (most recent call last)")


def test_the_stack_has_no_secret(standard: Door) -> None:
    """A password that an exception repeats is taken out of the traceback."""
    answer = standard.post("/api/crash", {"password": "correct horse"})

    assert answer.status == 500
    assert b"correct horse" not in answer.body
    assert "no such password: [redacted]" in answer.error["stack"]


@pytest.mark.parametrize(
    ("variables", "shown"),
    [
        ({"ACTIONHERO_ENV": "development"}, True),
        ({"ACTIONHERO_ENV": "test"}, False),
        ({"ACTIONHERO_ENV": "production", "app__secret_key": "k" * 32}, False),
        ({"web__host": "0.0.0.0"}, False),
        ({"web__host": "0.0.0.0", "errors__show_tracebacks": "true"}, True),
        ({"errors__show_tracebacks": "false"}, False),
    ],
    ids=lambda value: "-".join(value.values()) if isinstance(value, dict) else "",
)
def test_the_stack_is_shown_in_development_and_only_to_this_machine(
    serve: Serve, variables: dict[str, str], *, shown: bool
) -> None:
    """Off in production and on addresses that others can reach, unless it was set by hand."""
    answer = serve(**variables).get("/api/crash")

    assert ("stack" in answer.error) is shown
    assert (b"SELECT" in answer.body) is shown


def test_an_expected_failure_of_the_inputs_has_no_stack(standard: Door) -> None:
    """What a client did wrong is no matter for a traceback."""
    assert "stack" not in standard.send("PUT", "/api/account", json={}).error


def test_a_timeout_names_the_action_and_its_limit(door: Door) -> None:
    """408, in both profiles."""
    answer = door.get("/api/slow")

    assert status_for(answer) == (408, "CONNECTION_ACTION_TIMEOUT")
    assert answer.error["message"] == "Action 'slow' timed out after 20ms"


def test_a_service_that_is_unavailable_says_when_to_try_again(door: Door) -> None:
    """503 has `Retry-After`: what the action said, or a second."""
    assert door.get("/api/fail/later").header("Retry-After") == "17"
    assert door.get("/api/fail/CONNECTION_SERVICE_UNAVAILABLE").header("Retry-After") == "1"
    assert door.get("/api/fail/CONNECTION_ACTION_RUN").header("Retry-After") is None


def test_the_value_of_an_error_is_cut_at_1000_characters(door: Door) -> None:
    """Also one that the action itself put there."""
    error = door.get("/api/fail/facts").error

    assert error["key"] == "email"
    assert error["value"] == "x" * 1000


def test_problem_json_is_rfc_9457_with_the_standard_status(door: Door) -> None:
    """Who sends `Accept: application/problem+json` gets it, in both profiles alike."""
    answer = door.send(
        "PUT", "/api/account", json={"name": "Ada"}, headers={"Accept": "application/problem+json"}
    )

    assert answer.status == 422
    assert answer.header("Content-Type") == "application/problem+json"
    assert list(answer.json) == ["type", "title", "status", "detail", "instance", "errors"]
    assert answer.json["status"] == 422
    assert answer.json["type"] == "urn:actionhero:error:CONNECTION_ACTION_PARAM_REQUIRED"
    assert answer.json["detail"] == "Missing required param: email"
    assert answer.json["instance"].endswith(answer.header("X-Request-Id") or "?")
    assert answer.json["errors"][0] == {
        "pointer": "/email", "message": "Missing required param: email", "type": "missing",
    }  # fmt: skip


@pytest.mark.parametrize("kind", TABLE)
def test_problem_json_has_the_standard_status_of_every_type(door: Door, kind: str) -> None:
    """The same document whatever the profile."""
    answer = door.get(f"/api/fail/{kind}", accept="application/json, Application/Problem+JSON")

    assert answer.status == answer.json["status"] == TABLE[kind][0]
    assert answer.json["type"].endswith(f":{kind}")
    assert answer.json["detail"] == "it failed"
    assert "errors" not in answer.json


def test_problem_json_is_told_of_routes_and_bodies_too(door: Door) -> None:
    """What fails before any action answers in the same form."""
    accept = {"Accept": "application/problem+json", "Content-Type": "application/json"}

    missing = door.send("GET", "/api/nowhere", None, accept)
    outside = door.send("GET", "/nowhere", None, accept)
    method = door.send("PUT", "/api/echo/number/1", None, accept)
    malformed = door.send("POST", "/api/echo", b"{", accept)

    statuses = [answer.status for answer in (missing, outside, method, malformed)]
    assert statuses == [404, 404, 405, 400]
    for answer in (missing, outside, method, malformed):
        assert answer.json["status"] == answer.status
        assert answer.header("Content-Type") == "application/problem+json"
    assert method.header("Allow")


def test_a_native_handler_that_breaks_tells_nothing_of_our_insides(door: Door) -> None:
    """A page of a plugin raises: 500 in our envelope, with an identifier."""
    answer = door.get("/broken")

    assert status_for(answer) == (500, RUN)
    assert answer.error["message"] == "Internal error"
    assert b"SELECT" not in answer.body
    assert re.fullmatch(r"[0-9a-f-]{36}", answer.error["request_id"])


def test_a_raised_redirect_is_an_exception_like_any_other(door: Door) -> None:
    """aiohttp's responses are exceptions; to answer with one, return it."""
    answer = door.get("/api/raised")

    assert status_for(answer) == (500, RUN)
    assert answer.error["message"] == "Internal error"
