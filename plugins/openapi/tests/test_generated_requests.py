"""Generated requests get only responses that are in the document."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import pytest
from plugins.openapi.tests.conftest import APPLICATIONS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from plugins.openapi.tests.conftest import Serve, Served

SCHEMATHESIS = Path(sys.executable).with_name("schemathesis")
#: Checks of responses against the document.
RESPONSE_CHECKS = (
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)
#: Checks that valid requests are accepted, and invalid ones refused.
REQUEST_CHECKS = ("positive_data_acceptance", "negative_data_rejection")
PHASES = ("--phases", "examples,coverage,fuzzing")
#: Operations whose responses take seconds.
SLOW = ("status:live", "streaming:counter")
#: It would end the session that all requests share.
SIGN_OUT = "session:destroy"
#: Operations of the chat that never succeed: identifiers of keys are random, so no request has one,
#: and no user has the permission to delete messages.
NEVER_SUCCESSFUL = {"key:revoke", "message:delete"}
#: Operations of the specimen that never succeed.
ALWAYS_REFUSED = {"book:edit"}
#: The user in the examples of the chat.
ADA = {"name": "Ada", "email": "ada@example.com", "password": "correct horse"}


@dataclass(frozen=True)
class Results:
    """The results of generated requests."""

    #: The number of requests.
    count: int
    #: The statuses of the responses, by operation.
    statuses: dict[str, set[int]]

    def succeeded(self) -> set[str]:
        """Return the operations with at least one successful response."""
        return {
            operation
            for operation, statuses in self.statuses.items()
            if any(200 <= status < 300 for status in statuses)
        }


def send_requests(
    served: Served, *options: str, session: str | None = None, examples: int
) -> Results:
    """Send generated requests to every operation, and return the results.

    Args:
        served: The server.
        options: More options of schemathesis.
        session: The session cookie; `None`: no session.
        examples: The number of requests for each operation, without boundary values.
    """
    checks = [*RESPONSE_CHECKS]
    if served.error_format == "standard":
        # In the other format many errors of actions are 500.
        checks.append("not_a_server_error")
    if served.application == "chat":
        checks += REQUEST_CHECKS
    folder = served.log.parent / uuid4().hex
    folder.mkdir()
    document = httpx.get(f"{served.origin}/api/swagger").json()
    (folder / "api.json").write_text(json.dumps(document))
    (folder / "schemathesis.toml").write_text(settings(served, session))
    process = subprocess.run(
        [
            # From a file: schemathesis does not call the URL of the document.
            *(str(SCHEMATHESIS), "run", "api.json", "--url", f"{served.origin}/api"),
            *("--checks", ",".join(checks)),
            *("--max-examples", str(examples), "--seed", "1"),
            *("--suppress-health-check", "all", "--warnings", "off", "--no-color"),
            *("--report", "har", "--report-dir", "."),
            # The last one of an option counts.
            *options,
        ],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 0, process.stdout + process.stderr
    # Unexpected exceptions are logged with a traceback.
    assert "Traceback" not in served.log_text
    [archive] = folder.glob("har-*")
    return read_archive(json.loads(archive.read_text())["log"]["entries"], document)


def settings(served: Served, session: str | None) -> str:
    """Return the settings of schemathesis."""
    # The schema cannot express that NUL is refused in unknown inputs, too, at any depth.
    # And it would send the credentials of all security schemes in one request, which is refused.
    text = "[generation]\nallow-x00 = false\nwith-security-parameters = false\n"
    if session is not None:
        text += f'[auth.openapi.sessionCookie]\napi_key = "{session}"\n'
    if served.application == "chat":
        no_change = 422 if served.error_format == "standard" else 500
        text += (
            f"[[operations]]\ninclude-operation-id = {json.dumps(SLOW)}\n"
            "generation.max-examples = 2\nphases.coverage.enabled = false\n"
            # Unknown inputs are ignored, so the schema cannot express that one is required.
            '[[operations]]\ninclude-operation-id = "user:edit"\n'
            f"checks.positive_data_acceptance.expected-statuses = {[200, 401, 409, no_change]}\n"
            # An empty text is an absent number.
            '[[operations]]\ninclude-operation-id = "messages:list"\n'
            "checks.negative_data_rejection.expected-statuses = [200, 400, 401, 406, 415, 422]\n"
            # In a form all fields are text, and unknown names are valid or not.
            '[[operations]]\ninclude-operation-id = "fileUpload"\n'
            "checks.positive_data_acceptance.expected-statuses = [200, 400]\n"
            "checks.negative_data_rejection.expected-statuses = [200, 400, 406, 415, 422]\n"
        )
    return text


def read_archive(entries: Sequence[dict[str, Any]], document: dict[str, Any]) -> Results:
    """Return the results in an archive of requests and responses."""
    routes = [
        (method.upper(), re.compile(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(path))), operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    statuses = defaultdict(set)
    for entry in entries:
        path = urlsplit(entry["request"]["url"]).path.removeprefix("/api")
        for method, pattern, operation in routes:
            if method == entry["request"]["method"] and pattern.fullmatch(path):
                statuses[operation["operationId"]].add(entry["response"]["status"])
        # The message of unexpected exceptions, in both formats.
        assert '"Internal error"' not in entry["response"]["content"].get("text", ""), entry
    return Results(len(entries), statuses)


def sign_in(served: Served) -> str:
    """Return the session cookie of a new user."""
    user = {"name": "Bea Byron", "email": f"{uuid4().hex}@example.com", "password": "correct horse"}
    with httpx.Client(base_url=f"{served.origin}/api") as client:
        if served.application == "chat":
            client.put("/user", json=ADA)
            client.put("/user", json=user)
        assert client.put("/session", json=user).status_code == 200
        return client.cookies["__session"]


def send_requests_signed_in(served: Served, *options: str, examples: int) -> Results:
    """Send generated requests with a session; the sign-out is tested separately."""
    if SIGN_OUT not in operations_of(served):
        return send_requests(served, *options, session=sign_in(served), examples=examples)
    others = (*options, "--exclude-operation-id", SIGN_OUT)
    results = send_requests(served, *others, session=sign_in(served), examples=examples)
    only = ("--phases", "fuzzing", "--include-operation-id", SIGN_OUT)
    sign_out = send_requests(served, *only, session=sign_in(served), examples=3)
    statuses = results.statuses | sign_out.statuses
    return Results(results.count + sign_out.count, statuses)


def operations_of(served: Served) -> set[str]:
    """Return the names of all operations in the document."""
    document = httpx.get(f"{served.origin}/api/swagger").json()
    return {
        operation["operationId"]
        for methods in document["paths"].values()
        for operation in methods.values()
    }


def test_responses_of_the_specimen_are_in_the_document(serve: Serve, error_format: str) -> None:
    """No unexpected exception, status or body."""
    served = serve("specimen", error_format)

    results = send_requests(served, "--phases", "fuzzing", session=sign_in(served), examples=3)

    assert results.count > 25


@pytest.mark.timeout(300)
def test_responses_of_the_chat_are_in_the_document(serve: Serve, error_format: str) -> None:
    """With few requests and a session; each operation succeeds at least once."""
    if "chat" not in APPLICATIONS:
        pytest.skip("actionhero-chat is not installed")
    served = serve("chat", error_format)

    results = send_requests_signed_in(served, "--phases", "examples,fuzzing", examples=10)

    assert results.count >= 100
    assert results.succeeded() == operations_of(served) - NEVER_SUCCESSFUL


@pytest.mark.soak
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("seed", ["1", "2"])
def test_responses_to_thousands_of_requests_are_in_the_document(
    serve: Serve, application: str, error_format: str, seed: str
) -> None:
    """With and without a session."""
    served = serve(application, error_format)
    options = (*PHASES, "--seed", seed)

    anonymous = send_requests(served, *options, examples=200)
    signed_in = send_requests_signed_in(served, *options, examples=200)

    assert anonymous.count >= 2000
    assert signed_in.count >= 2000
    assert signed_in.succeeded() == operations_of(served) - ALWAYS_REFUSED - NEVER_SUCCESSFUL
