"""Thousands of requests made from the document, and nothing comes back that it does not tell."""

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
#: What the document promises of an answer.
PROMISES = (
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)
#: And of a request: what fits its schema is taken, and nothing else is.
KEPT_PROMISES = ("positive_data_acceptance", "negative_data_rejection")
PHASES = ("--phases", "examples,coverage,fuzzing")
#: Whose answers take seconds, because they tell something again and again.
SLOW = ("status:live", "streaming:counter")
#: Where all of them share a session, it would be over after the first.
SIGN_OUT = "session:destroy"
#: Of the specimen: it never finds a book.
ALWAYS_REFUSED = {"book:edit"}
#: Who is in the examples of the chat.
ADA = {"name": "Ada", "email": "ada@example.com", "password": "correct horse"}


@dataclass(frozen=True)
class Answers:
    """What came back of generated requests."""

    #: How many requests were made.
    count: int
    #: By operation, the statuses of its answers.
    statuses: dict[str, set[int]]

    def succeeded(self) -> set[str]:
        """Return the operations that answered at least one request as asked."""
        return {
            operation
            for operation, statuses in self.statuses.items()
            if any(200 <= status < 300 for status in statuses)
        }


def generated(served: Served, *options: str, session: str | None = None, examples: int) -> Answers:
    """Send generated requests to every operation, and return what came back.

    Args:
        served: The server.
        options: Further options.
        session: The cookie of who asks; a stranger where left out.
        examples: How many for each operation, beside those of the corners.
    """
    checks = [*PROMISES]
    if served.profile == "standard":
        # In the other profile a refusal by an action is a 500.
        checks.append("not_a_server_error")
    if served.application == "chat":
        checks += KEPT_PROMISES
    folder = served.log.parent / uuid4().hex
    folder.mkdir()
    document = httpx.get(f"{served.origin}/api/swagger").json()
    (folder / "api.json").write_text(json.dumps(document))
    (folder / "schemathesis.toml").write_text(settings(served, session))
    ended = subprocess.run(
        [
            # From a file: it does not call where it has got the document.
            *(str(SCHEMATHESIS), "run", "api.json", "--url", f"{served.origin}/api"),
            *("--checks", ",".join(checks)),
            *("--max-examples", str(examples), "--seed", "1"),
            *("--suppress-health-check", "all", "--warnings", "off", "--no-color"),
            *("--report", "har", "--report-dir", "."),
            *options,
        ],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    # What is unexpected is logged with its traceback, whatever the status was.
    assert "Traceback" not in served.text_of_log
    [archive] = folder.glob("har-*")
    return told_in(json.loads(archive.read_text())["log"]["entries"], document)


def settings(served: Served, session: str | None) -> str:
    """Return the settings of schemathesis."""
    # A NUL in a text is refused before anything is looked at.
    written = "[generation]\nallow-x00 = false\n"
    if session is not None:
        written += f'[auth.openapi.sessionCookie]\napi_key = "{session}"\n'
    if served.application == "chat":
        nothing = 422 if served.profile == "standard" else 500
        written += (
            f"[[operations]]\ninclude-operation-id = {json.dumps(SLOW)}\n"
            "generation.max-examples = 2\nphases.coverage.enabled = false\n"
            # That something has to be changed, no schema tells.
            '[[operations]]\ninclude-operation-id = "user:edit"\n'
            f"checks.positive_data_acceptance.expected-statuses = {[200, 401, 409, nothing]}\n"
            # Nor which names of further fields would break a form, in which all is text.
            '[[operations]]\ninclude-operation-id = "fileUpload"\n'
            "checks.positive_data_acceptance.expected-statuses = [200, 400]\n"
            "checks.negative_data_rejection.expected-statuses = [200, 400, 406, 415, 422]\n"
        )
    return written


def told_in(entries: Sequence[dict[str, Any]], document: dict[str, Any]) -> Answers:
    """Return what an archive of requests and answers tells."""
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
        # A refusal may have any status; a failure of ours has these words in both profiles.
        assert '"Internal error"' not in entry["response"]["content"].get("text", ""), entry
    return Answers(len(entries), statuses)


def sign_in(served: Served) -> str:
    """Return the session of somebody new."""
    who = {"name": "Bea Byron", "email": f"{uuid4().hex}@example.com", "password": "correct horse"}
    with httpx.Client(base_url=f"{served.origin}/api") as client:
        if served.application == "chat":
            client.put("/user", json=ADA)
            client.put("/user", json=who)
        assert client.put("/session", json=who).status_code == 200
        return client.cookies["__session"]


def by_a_user(served: Served, *options: str, examples: int) -> Answers:
    """Send generated requests as somebody who has signed in; signing out is tried apart."""
    if SIGN_OUT not in operations_of(served):
        return generated(served, *options, session=sign_in(served), examples=examples)
    but_one = (*options, "--exclude-operation-id", SIGN_OUT)
    answers = generated(served, *but_one, session=sign_in(served), examples=examples)
    the_one = ("--phases", "fuzzing", "--include-operation-id", SIGN_OUT)
    leaving = generated(served, *the_one, session=sign_in(served), examples=3)
    statuses = answers.statuses | leaving.statuses
    return Answers(answers.count + leaving.count, statuses)


def operations_of(served: Served) -> set[str]:
    """Return the names of all operations that the document tells of."""
    document = httpx.get(f"{served.origin}/api/swagger").json()
    return {
        operation["operationId"]
        for methods in document["paths"].values()
        for operation in methods.values()
    }


def test_a_few_generated_requests_get_only_what_the_document_tells(
    serve: Serve, profile: str
) -> None:
    """No failure of ours, no status and no body that a client does not know of."""
    served = serve("specimen", profile)

    answers = generated(served, "--phases", "fuzzing", session=sign_in(served), examples=3)

    assert answers.count > 25


@pytest.mark.timeout(300)
def test_every_operation_of_the_chat_answers_what_its_document_tells(
    serve: Serve, profile: str
) -> None:
    """A short form, by somebody who has signed in: each operation succeeds."""
    if "chat" not in APPLICATIONS:
        pytest.skip("actionhero-chat is not installed")
    served = serve("chat", profile)

    answers = by_a_user(served, "--phases", "examples,fuzzing", examples=10)

    assert answers.count >= 100
    assert answers.succeeded() == operations_of(served)


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_thousands_of_generated_requests_get_only_what_the_document_tells(
    serve: Serve, application: str, profile: str
) -> None:
    """The same with thousands, by strangers and by users."""
    served = serve(application, profile)

    by_strangers = generated(served, *PHASES, examples=200)
    by_users = by_a_user(served, *PHASES, examples=200)

    assert by_strangers.count >= 2000
    assert by_users.count >= 2000
    assert by_users.succeeded() == operations_of(served) - ALWAYS_REFUSED
