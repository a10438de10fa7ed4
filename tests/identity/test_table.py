"""The table of identity: kinds of callers and transports, each with the same decision.

The server, its jobs and the commands run in processes of their own. Their audit events, and the
secrets in all of their output, are checked too.
"""

from __future__ import annotations

import json
from typing import Any, Final, NamedTuple

import pytest
from tests.identity.table import (
    CHANNEL_REFUSED,
    FORBIDDEN,
    KINDS,
    SUBSCRIPTIONS,
    TRANSPORTS,
    UNAUTHORIZED,
    VARIABLES,
    Kind,
    Site,
    answer_of,
    client,
)

kinds = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
transports = pytest.mark.parametrize("transport", TRANSPORTS)


@transports
@kinds
async def test_the_decision_is_the_same_over_every_transport(
    table: Site, kind: Kind, transport: str
) -> None:
    """Whether the inputs are valid or not: a refused caller learns nothing of them."""
    for number in (1, "none"):
        answer = await TRANSPORTS[transport](table, kind, number)

        if kind.error is None:
            if number == 1:
                assert (answer.value, answer.error) == (f"{kind.user} wrote 1", None)
            else:
                assert answer.type != UNAUTHORIZED
                assert answer.error is not None
                assert answer.error["key"] == "number"
            continue
        assert answer.type == kind.error
        assert answer.error is not None
        assert not answer.error.keys() & {"key", "value", "errors"}
        if answer.status is not None:
            assert answer.status == kind.status
            assert_challenge(answer.challenge, kind)
        [event] = table.audit(answer.error["request_id"])
        assert_event(event, kind)
        assert event["credential_id"] == table.key_ids.get(kind.name, "")
        assert event["remote"] == "127.0.0.1"


def assert_challenge(challenge: str, kind: Kind) -> None:
    """Check `WWW-Authenticate` (RFC 6750 §3): no error without credentials."""
    assert challenge.startswith('Bearer realm="')
    for part in kind.challenge:
        assert part in challenge
    assert ("error=" in challenge) is bool(kind.challenge)


def assert_event(event: dict[str, Any], kind: Kind) -> None:
    """Check the audit event of a refusal."""
    facts = (event["event"], event["user"], event["method"], event["details"]["reason"])
    assert (event["outcome"], facts) == ("failure", kind.audit)


@kinds
async def test_invalid_credentials_are_refused_by_public_actions(table: Site, kind: Kind) -> None:
    """So that a client notices that they have expired, or were revoked; others are ignored."""
    async with (
        client() as session,
        session.post(
            f"{table.url}/api/write/jobs", json={"delay": 3600}, headers=table.headers[kind.name]
        ) as response,
    ):
        assert response.status == (401 if kind.has_invalid_credentials else 200)


@pytest.mark.parametrize("subscribe", SUBSCRIPTIONS)
@kinds
async def test_subscriptions_are_authorized_alike(table: Site, kind: Kind, subscribe: str) -> None:
    """By the channel, which requires any user; a scope is not required."""
    answer = await SUBSCRIPTIONS[subscribe](table, kind)

    if kind.user is not None or kind.name == "missing-scope":
        assert (answer.value, answer.error) == ("subscribed", None)
        return
    assert answer.error is not None
    [event] = table.audit(answer.error["request_id"])
    if kind.has_invalid_credentials:
        assert (answer.type, answer.status) == (UNAUTHORIZED, 401)
        assert_event(event, kind)
    else:
        assert (answer.type, answer.error["message"]) == (CHANNEL_REFUSED, "Members only")
        assert answer.status in {None, 403}
        assert event["event"] == "access"
        assert (event["details"]["reason"], event["details"]["channel"]) == ("Members only", "club")


@kinds
async def test_a_job_has_the_rights_of_the_call_that_enqueued_it(table: Site, kind: Kind) -> None:
    """Its requirements are checked when it runs."""
    url, headers = f"{table.url}/api", table.headers[kind.name]
    async with client() as session:
        async with session.post(f"{url}/write/jobs", json={}, headers=headers) as response:
            if kind.has_invalid_credentials:
                answer = await answer_of(table, response)
                assert (answer.status, answer.type) == (401, UNAUTHORIZED)
                return
            id = await response.json()
        async with session.get(f"{url}/jobs/{id}") as response:
            job = (await answer_of(table, response)).value
    if kind.error is None:
        assert job == {"result": f"{kind.user} wrote 1", "error": None}
        return
    assert job["result"] is None
    assert job["error"]["type"] == kind.error
    [event] = table.audit(id)
    assert (event["event"], event["outcome"], event["transport"]) == ("access", "failure", "task")
    assert event["user"] == (kind.audit[1] if kind.audit else None)


async def test_a_job_outlives_the_key_that_enqueued_it(table: Site) -> None:
    """As documented: it was authorized when it was enqueued."""
    async with client() as session:
        url = f"{table.url}/api"
        async with session.post(f"{url}/keys", json={"scopes": ["write"]}) as response:
            key = await response.json()
        table.secrets.add(key["secret"])
        headers = {"Authorization": f"Bearer {key['secret']}"}
        body = {"delay": 1}
        async with session.post(f"{url}/write/jobs", json=body, headers=headers) as response:
            id = await response.json()
        async with session.delete(f"{url}/keys/{key['id']}") as response:
            assert await response.json() is True
        async with session.put(f"{url}/write", json={"number": 1}, headers=headers) as response:
            assert response.status == 401
        async with session.get(f"{url}/jobs/{id}") as response:
            job = await response.json()

    assert job == {"result": "7 wrote 1", "error": None}


async def test_credentials_and_their_ends_are_recorded(table: Site) -> None:
    """The creation and the revocation of keys, and a failed sign-in, without secrets."""
    async with client() as session:
        account = {"name": "ada", "password": "wr0ng-s3cret"}
        async with session.put(f"{table.url}/api/session", json=account) as response:
            assert response.status == 401
            [event] = table.audit(response.headers["X-Request-Id"])
    table.secrets.add("wr0ng-s3cret")
    assert (event["event"], event["outcome"]) == ("sign_in", "failure")
    assert event["details"]["inputs"] == {"name": "ada", "password": "[redacted]"}
    for pattern in (
        '"event":"sign_in","outcome":"success","user":"ada","method":"session"',
        f'"event":"credential_creation".*"credential_id":"{table.key_ids["api-key"]}"',
        f'"event":"credential_revocation".*"credential_id":"{table.key_ids["revoked"]}"',
    ):
        table.server.wait_for(pattern)


class Command(NamedTuple):
    """A call of the operator, its exit code, and its audit event."""

    name: str
    options: tuple[str, ...]
    action: str
    number: str
    code: int
    #: The result, or the type of the error.
    output: str
    event: tuple[str, str, Any] | None


COMMANDS: Final = (
    Command("anonymous", (), "write", "1", 1, UNAUTHORIZED, ("access", "failure", None)),
    Command(
        "anonymous-invalid-input", (), "write", "none", 1, UNAUTHORIZED,
        ("access", "failure", None),
    ),
    Command(
        "user", ("--as-user", "7"), "write", "1", 0, '"7 wrote 1"', ("operator_call", "success", 7),
    ),
    Command(
        "user-invalid-input", ("--as-user", "7"), "write", "none", 65, "CONNECTION_ACTION_PARAM",
        ("operator_call", "failure", 7),
    ),
    Command(
        "user-without-permission", ("--as-user", "ada"), "moderate", "", 1, FORBIDDEN,
        ("access", "failure", "ada"),
    ),
)  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_the_operator_of_the_command_line_is_no_stranger(table: Site, command: Command) -> None:
    """`--as-user` has no limit by scopes, and permissions as others; there are no credentials."""
    number = ("--number", command.number) if command.number else ()
    ended = table.place.run(
        "--log-level", "info", *command.options, "call", command.action, *number,
        **VARIABLES,
    )  # fmt: skip
    table.outputs += [ended.stdout, ended.stderr]

    assert ended.code == command.code, ended
    lines = ended.stderr.splitlines()
    assert command.output in (ended.stdout if command.code == 0 else ended.stderr)
    events = [json.loads(line) for line in lines if '"logger":"actionhero.audit"' in line]
    recorded = [(event["event"], event["outcome"], event["user"]) for event in events]
    assert recorded == [command.event]
    [event] = events
    assert (event["transport"], event["action"]) == ("cli", command.action)
    if command.options:
        assert event["method"] == "operator"
