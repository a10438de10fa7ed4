"""Error responses disclose nothing of the database: no SQL, no values, no table names."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.faults.conftest import Serve

VALUE = "hunter2-in-a-row"
#: Words that disclose internals of a database, in lower case.
INTERNALS = (
    "select", "insert", "nowhere", "entry_", "constraint", "unique", "sqlite", "postgres",
    "asyncpg", "tortoise", "traceback", "$1", VALUE,
)  # fmt: skip
ERROR_FORMATS = pytest.mark.parametrize("error_format", ["standard", "actionhero"])


@ERROR_FORMATS
async def test_internal_errors_do_not_disclose_internals(serve: Serve, error_format: str) -> None:
    """For a constraint violation, invalid SQL, an exception with a value, and a conflict."""
    server = serve(
        ACTIONHERO_WEB__ERROR_FORMAT=error_format, ACTIONHERO_ERRORS__SHOW_TRACEBACKS="false"
    )
    async with server.browser() as browser:
        await browser.post("/entries", json={"text": VALUE})

        responses = [
            await browser.post(f"/entries{path}", json={"text": text})
            for path, text in (
                ("/force", VALUE),
                ("/break", VALUE),
                ("/crash", f"{VALUE} again"),
                ("", VALUE),
            )
        ]

    # In the format of the original ActionHero, the status of every error of an action is 500.
    conflict = 409 if error_format == "standard" else 500
    assert [response.status_code for response in responses] == [500, 500, 500, conflict]
    for response in responses:
        text = response.text.lower()
        assert not [internal for internal in INTERNALS if internal in text], response.text


#: A NUL, a lone surrogate, and numbers and a text that exceed their columns.
INVALID_BODIES = (
    b'{"text": "hunter2-in-a-row\\u0000"}',
    b'{"text": "hunter2-in-a-row\\ud800"}',
    b'{"text": "hunter2-in-a-row", "number": 2147483648}',
    b'{"text": "hunter2-in-a-row", "number": -99999999999999999999999999}',
    b'{"text": "hunter2-in-a-row' + b"x" * 100 + b'"}',
)


@ERROR_FORMATS
async def test_values_that_cannot_be_stored_are_invalid_inputs(
    serve: Serve, error_format: str
) -> None:
    """The response discloses neither the value nor the column."""
    server = serve(
        ACTIONHERO_WEB__ERROR_FORMAT=error_format, ACTIONHERO_ERRORS__SHOW_TRACEBACKS="false"
    )
    async with server.browser() as browser:
        responses = [
            await browser.post(path, content=body, headers={"Content-Type": "application/json"})
            for path in ("/entries", "/entries/force")
            for body in INVALID_BODIES
        ]
        count = await browser.get("/entries")

    for response in responses:
        assert 400 <= response.status_code < 500, response.text
        text = response.text.lower()
        assert not [internal for internal in INTERNALS if internal in text], response.text
    assert count.json() == 0


async def test_tracebacks_contain_no_values(serve: Serve) -> None:
    """Tracebacks are shown in development, without the inputs."""
    server = serve(ACTIONHERO_ERRORS__SHOW_TRACEBACKS="true")
    headers = {"Content-Type": "application/json"}
    async with server.browser() as browser:
        await browser.post("/entries", json={"text": VALUE})

        responses = [
            await browser.post(path, json={"text": VALUE})
            for path in ("/entries", "/entries/force", "/entries/break")
        ]
        responses += [
            await browser.post("/entries/force", content=body, headers=headers)
            for body in INVALID_BODIES
        ]
    completed = server.running.stop()

    for response in responses:
        assert response.status_code >= 400
        assert VALUE not in response.text
    assert "Traceback" in responses[1].text
    # Only the log of calls contains inputs.
    lines = [line for line in completed.stderr.splitlines() if " actionhero.call " not in line]
    assert not [line for line in lines if VALUE in line]
