"""An answer has nothing of the database in it: no SQL, no value, no name of a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.faults.conftest import Serve

VALUE = "hunter2-in-a-row"
#: What gives a database away, in small letters.
INSIDES = (
    "select", "insert", "nowhere", "entry_", "constraint", "unique", "sqlite", "postgres",
    "asyncpg", "tortoise", "traceback", "$1", VALUE,
)  # fmt: skip
PROFILES = pytest.mark.parametrize("profile", ["standard", "actionhero"])


@PROFILES
async def test_what_fails_inside_tells_nothing_outside(serve: Serve, profile: str) -> None:
    """A rule of the table that nobody foresaw, SQL that is wrong, and an accident with a value."""
    served = serve(ACTIONHERO_WEB__ERROR_FORMAT=profile, ACTIONHERO_ERRORS__SHOW_TRACEBACKS="false")
    async with served.browser() as browser:
        await browser.post("/entries", json={"text": VALUE})

        answers = [
            await browser.post(f"/entries{path}", json={"text": text})
            for path, text in (
                ("/force", VALUE),
                ("/break", VALUE),
                ("/crash", f"{VALUE} again"),
                ("", VALUE),
            )
        ]

    # The profile for clients of the original calls every failure of an action a 500.
    conflict = 409 if profile == "standard" else 500
    assert [answer.status_code for answer in answers] == [500, 500, 500, conflict]
    for answer in answers:
        told = answer.text.lower()
        assert not [inside for inside in INSIDES if inside in told], answer.text


#: A NUL, half of a surrogate pair, numbers and a text that are too large for their fields.
UNFIT = (
    b'{"text": "hunter2-in-a-row\\u0000"}',
    b'{"text": "hunter2-in-a-row\\ud800"}',
    b'{"text": "hunter2-in-a-row", "number": 2147483648}',
    b'{"text": "hunter2-in-a-row", "number": -99999999999999999999999999}',
    b'{"text": "hunter2-in-a-row' + b"x" * 100 + b'"}',
)


@PROFILES
async def test_what_cannot_be_stored_is_an_error_of_the_input(serve: Serve, profile: str) -> None:
    """It is mine to mend, and I am told so, without the value and without the column's insides."""
    served = serve(ACTIONHERO_WEB__ERROR_FORMAT=profile, ACTIONHERO_ERRORS__SHOW_TRACEBACKS="false")
    async with served.browser() as browser:
        answers = [
            await browser.post(path, content=body, headers={"Content-Type": "application/json"})
            for path in ("/entries", "/entries/force")
            for body in UNFIT
        ]
        counted = await browser.get("/entries")

    for answer in answers:
        assert 400 <= answer.status_code < 500, answer.text
        told = answer.text.lower()
        assert not [inside for inside in INSIDES if inside in told], answer.text
    assert counted.json() == 0


async def test_not_even_a_traceback_has_a_value_in_it(serve: Serve) -> None:
    """Where tracebacks are shown, in development, they show the way and not what was sent."""
    served = serve(ACTIONHERO_ERRORS__SHOW_TRACEBACKS="true")
    headers = {"Content-Type": "application/json"}
    async with served.browser() as browser:
        await browser.post("/entries", json={"text": VALUE})

        answers = [
            await browser.post(path, json={"text": VALUE})
            for path in ("/entries", "/entries/force", "/entries/break")
        ]
        answers += [
            await browser.post("/entries/force", content=body, headers=headers) for body in UNFIT
        ]
    ended = served.running.stop()

    for answer in answers:
        assert answer.status_code >= 400
        assert VALUE not in answer.text
    assert "Traceback" in answers[1].text
    # Inputs are in the log of calls, on purpose; they are in nothing else.
    told = [line for line in ended.stderr.splitlines() if " actionhero.call " not in line]
    assert not [line for line in told if VALUE in line]
