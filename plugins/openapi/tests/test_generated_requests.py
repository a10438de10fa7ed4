"""Thousands of requests made from the document, and nothing comes back that it does not tell."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

if TYPE_CHECKING:
    from plugins.openapi.tests.conftest import Serve, Served

SCHEMATHESIS = Path(sys.executable).with_name("schemathesis")
#: What the document promises of an answer.
PROMISES = (
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)

PHASES = ("--phases", "examples,coverage,fuzzing")


def generated(
    served: Served, *options: str, cookies: httpx.Cookies | None = None, examples: int
) -> int:
    """Send generated requests to every operation, and return how many there were.

    Args:
        served: The server.
        options: Further options.
        cookies: Who asks; a stranger where left out.
        examples: How many for each operation, beside those of the corners.
    """
    # In the other profile a refusal by an action is a 500.
    checks = [*PROMISES, *(["not_a_server_error"] if served.profile == "standard" else [])]
    signed_in = [] if cookies is None else ["-H", f"Cookie: __session={cookies['__session']}"]
    # Else it looks for one in the folders above.
    (served.log.parent / "schemathesis.toml").touch()
    ended = subprocess.run(
        [
            *(str(SCHEMATHESIS), "run", f"{served.origin}/api/swagger"),
            *("--checks", ",".join(checks)),
            *("--max-examples", str(examples), "--seed", "1"),
            *("--suppress-health-check", "all", "--warnings", "off", "--no-color"),
            *signed_in,
            *options,
        ],
        cwd=served.log.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    # What is unexpected is logged with its traceback, whatever the status was.
    assert "Traceback" not in served.text_of_log
    found = re.search(r"(\d+) generated", ended.stdout)
    assert found is not None, ended.stdout
    return int(found[1])


def signed_in(served: Served) -> httpx.Cookies:
    """Return the cookies of somebody who has signed in."""
    who = {"name": "Ada Byron", "email": f"{served.port}@example.com", "password": "correct horse"}
    with httpx.Client(base_url=f"{served.origin}/api") as client:
        if served.application == "chat":
            client.put("/user", json=who)
        assert client.put("/session", json=who).status_code == 200
        return client.cookies


def test_a_few_generated_requests_get_only_what_the_document_tells(
    serve: Serve, profile: str
) -> None:
    """No failure of ours, no status and no body that a client does not know of."""
    served = serve("specimen", profile)

    assert generated(served, "--phases", "fuzzing", examples=3, cookies=signed_in(served)) > 25


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_thousands_of_generated_requests_get_only_what_the_document_tells(
    serve: Serve, application: str, profile: str
) -> None:
    """The same for every operation, with the corners of every field, by strangers and by users."""
    served = serve(application, profile)

    by_strangers = generated(served, *PHASES, examples=250)
    by_users = generated(
        # It would end the session that all of them share.
        *(served, *PHASES, "--exclude-operation-id", "session:destroy"),
        cookies=signed_in(served),
        examples=250,
    )

    assert by_strangers >= 2000
    assert by_users >= 2000
