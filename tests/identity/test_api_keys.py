"""API keys across processes: the commands, and revocations that reach open connections."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import re
import subprocess
import time
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from joserfc import jwk, jwt

from actionhero_redis.testing import redis_server  # noqa: F401 - a fixture

if TYPE_CHECKING:
    from tests.conftest import Place

    from actionhero_redis.testing import ThrowAwayRedis

#: How long a revocation may take. It is awaited, so a slow machine does not fail the test.
LIMIT_SECONDS = 30
APPLICATION = '''
from __future__ import annotations

from actionhero import Action, Call, ChannelRefused, Scope
from actionhero_channels import Channel


class Who(Action):
    """Return the caller."""

    name = "who"
    web = "GET /who"
    requires = Scope("read")

    async def run(self, call: Call) -> dict[str, object]:
        return {"user": call.principal.user, "id": call.principal.credential_id}


class Club(Channel):
    """For signed-in users."""

    name = "club"

    async def authorize(self, subscription):
        if "userId" not in subscription.session:
            raise ChannelRefused("Members only")

    async def presence_key(self, subscription):
        return None
'''


@pytest.fixture
def shop(place: Place) -> Place:
    """Return an application with a channel, and API keys in a file."""
    place.enabled = ["auth", "channels", "db", "redis", "sse", "web", "websocket"]
    place.write("shop/__init__.py", "")
    place.write("shop/actions.py", APPLICATION)
    place.write("actionhero.toml", 'app.package = "shop"\n')
    return place


def create(place: Place, *arguments: str, **variables: str) -> dict[str, Any]:
    """Create a key with the command, and return its output."""
    command = place.run(
        "auth", "keys", "create", "--user", "7", "--name", "ci", *arguments, **variables
    )
    assert command.code == 0, command
    created: dict[str, Any] = json.loads(command.stdout)
    return created


async def test_a_revocation_reaches_open_connections_of_another_process(
    shop: Place,
    redis_server: ThrowAwayRedis,  # noqa: F811 - the fixture
) -> None:
    """A socket, a stream of events and calls; the command that revokes is a third process."""
    variables = {"REDIS_URL": redis_server.url}
    created = create(shop, "--scope", "read", **variables)
    servers = [shop.start("start", **variables) for _ in range(2)]
    urls = [server.wait_for(r"listening on (http://[\w.]+:\d+)")[1] for server in servers]
    headers = {"Authorization": f"Bearer {created['key']}"}
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as client:
        for url in urls:
            async with client.get(f"{url}/api/who", headers=headers) as response:
                assert await response.json() == {"user": 7, "id": created["id"]}
        async with (
            client.ws_connect(urls[0].replace("http", "ws", 1) + "/ws", headers=headers) as socket,
            client.get(f"{urls[1]}/api/channels/club/events", headers=headers) as events,
        ):
            await socket.send_json({"messageType": "subscribe", "channel": "club", "messageId": 1})
            assert "subscribed" in await socket.receive_json(timeout=LIMIT_SECONDS)
            assert b"event: subscribed" in await next_event(events)

            revoking = await asyncio.to_thread(shop.start, "auth", "keys", "revoke", created["id"],
                                               **variables)  # fmt: skip
            unsubscribed, event = await asyncio.gather(
                socket.receive_json(timeout=LIMIT_SECONDS), next_event(events)
            )

            assert unsubscribed == {"unsubscribed": {"channel": "club"}}
            assert b"event: unsubscribed" in event
            assert (await asyncio.to_thread(revoking.wait)).stdout == "1\n"
            message = {"messageType": "action", "action": "who", "messageId": 2}
            await socket.send_json(message)
            answer = await socket.receive_json(timeout=LIMIT_SECONDS)
            assert answer["error"]["message"] == "The API key is revoked"
        for url in urls:
            async with client.get(f"{url}/api/who", headers=headers) as response:
                assert response.status == 401
    for server in servers:
        assert created["key"] not in server.stop().stderr


async def next_event(response: aiohttp.ClientResponse) -> bytes:
    """Return the next event that is no comment."""
    while True:
        event = await asyncio.wait_for(response.content.readuntil(b"\n\n"), LIMIT_SECONDS)
        if not event.startswith(b":"):
            return event


async def test_a_stream_ends_when_its_key_or_token_expires(shop: Place) -> None:
    """The client learns of it at once, and not at its next call."""
    secret = jwk.OctKey.import_key("a shared secret of 32 characters")
    issuer = {
        "issuer": "https://issuer.example", "audience": ["shop"], "leeway": "0s",
        "algorithms": ["HS256"], "key": "a shared secret of 32 characters",
    }  # fmt: skip
    server = shop.start("start", ACTIONHERO_AUTH__ISSUERS=json.dumps([issuer]))
    url = server.wait_for(r"listening on (http://[\w.]+:\d+)")[1]
    key = create(shop, "--scope", "read", "--expires", "4s")["key"]
    claims = {
        "iss": "https://issuer.example", "aud": "shop", "sub": "ada", "exp": int(time.time()) + 4,
    }  # fmt: skip
    token = jwt.encode({"alg": "HS256"}, claims, secret)
    async with aiohttp.ClientSession() as client:
        for credentials in (key, token):
            headers = {"Authorization": f"Bearer {credentials}"}
            events_url = f"{url}/api/channels/club/events"
            async with client.get(events_url, headers=headers) as events:
                if events.status == 200:
                    assert b"event: subscribed" in await next_event(events)
                    assert b"event: unsubscribed" in await next_event(events)
            async with client.get(events_url, headers=headers) as events:
                assert events.status == 401


def test_commands_create_list_and_revoke_keys(shop: Place) -> None:
    """JSON in a pipe; exit codes as of other commands."""
    scopes = ("--scope", "read", "--scope", "write")
    created = create(shop, *scopes, "--expires", "90d", "--service")
    assert re.fullmatch(r"ahk_[0-9a-z]{12}_\w{49}", created.pop("key"))
    assert (created["user"], created["kind"], created["scopes"]) == (
        7,
        "service",
        ["read", "write"],
    )
    unlimited = create(shop, "--all-scopes")
    assert (unlimited["scopes"], unlimited["expires_at"]) == (None, None)

    def listing(*arguments: str) -> list[dict[str, Any]]:
        command = shop.run("auth", "keys", "list", *arguments)
        assert command.code == 0, command
        rows: list[dict[str, Any]] = json.loads(command.stdout)
        return rows

    assert [row["id"] for row in listing()] == [unlimited["id"], created["id"]]
    assert listing("--user", "ada") == []
    assert listing("--limit", "1", "--after", unlimited["id"]) == [created]
    unknown = shop.run("auth", "keys", "list", "--after", "unknown")
    assert (unknown.code, unknown.stdout) == (2, "")
    assert "unknown API key 'unknown'" in unknown.stderr
    revoked = shop.run("auth", "keys", "revoke", created["id"], "unknown")
    assert (revoked.code, revoked.stdout) == (1, "1\n")
    assert "unknown API key 'unknown'" in revoked.stderr
    assert [row["id"] for row in listing()] == [unlimited["id"]]
    assert [row["state"] for row in listing("--revoked")] == ["active", "revoked"]
    table = shop.run("auth", "keys", "list", "--format", "table")
    assert "Last use" in table.stdout
    assert "all" in table.stdout


def test_all_keys_of_a_command_are_revoked_without_redis(
    shop: Place,
    redis_server: ThrowAwayRedis,  # noqa: F811 - the fixture
) -> None:
    """Other processes are not informed, which is an error."""
    variables = {"REDIS_URL": redis_server.url, "ACTIONHERO_REDIS__RETRIES": "0"}
    ids = [create(shop, "--all-scopes", **variables)["id"] for _ in range(2)]
    redis_server.stop()

    revoked = shop.run("auth", "keys", "revoke", *ids, **variables)

    assert (revoked.code, revoked.stdout) == (69, "0\n")
    for id in ids:
        assert f"The API key {id} is revoked, but other processes" in revoked.stderr
    listing = shop.run("auth", "keys", "list", "--revoked")
    assert [row["state"] for row in json.loads(listing.stdout)] == ["revoked"] * 2


@pytest.mark.parametrize(
    ("arguments", "variables", "code", "message"),
    [
        (["create", "--user", "7", "--name", "x"], {}, 2, "--all-scopes"),
        (["create", "--user", "", "--name", "x", "--all-scopes"], {}, 2, "it names no user"),
        (["create", "--user", "7", "--name", "", "--all-scopes"], {}, 2, "the name must have"),
        (
            ["create", "--user", "7", "--name", "x", "--all-scopes", "--expires", "soon"],
            {}, 2, "'soon' is not a duration",
        ),
        (["create", "--user", "\udcff", "--name", "x", "--all-scopes"], {}, 2, "it is not UTF-8"),
        (["create", "--user", "7", "--name", "\udcff", "--all-scopes"], {}, 2, "cannot be stored"),
        (
            ["create", "--user", "7", "--name", "x", "--all-scopes", "--expires", "99999999d"],
            {}, 2, "expires_in is too long",
        ),
        (["list", "--limit", "99999999999999999999"], {}, 2, "is not in the range"),
        (["list"], {"ACTIONHERO_AUTH__API_KEYS": "false"}, 78, "this application has no API keys"),
        (["list"], {"DATABASE_URL": "postgres://127.0.0.1:1/none"}, 69, "cannot be used"),
        (["revoke"], {}, 2, "Missing argument"),
    ],
    ids=[
        "scopes", "user", "name", "duration", "bytes as user", "bytes as name", "endless", "limit",
        "disabled", "unavailable", "no id",
    ],
)  # fmt: skip
def test_commands_report_wrong_usage(
    shop: Place, arguments: list[str], variables: dict[str, str], code: int, message: str
) -> None:
    """With the exit codes of other commands."""
    command = shop.run("auth", "keys", *arguments, **variables)
    assert command.code == code, command
    assert message in command.stderr
    assert command.stdout == ""


def test_on_a_terminal_a_table_and_the_key_are_shown(shop: Place) -> None:
    """For people."""
    parent, child = pty.openpty()
    process = None
    try:
        process = subprocess.run(
            [
                *shop.program,
                "auth",
                "keys",
                "create",
                "--user",
                "7",
                "--name",
                "ci",
                "--all-scopes",
            ],
            cwd=shop.folder,
            env={
                "PATH": os.environ["PATH"],
                "ACTIONHERO_PLUGINS__ENABLED": ",".join(shop.enabled),
                "ACTIONHERO_WEB__PORT": "0",
            },
            stdout=child,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            check=True,
            text=True,
        )
        shown = os.read(parent, 100_000).decode()
    finally:
        os.close(child)
        os.close(parent)
    assert "Scopes" in shown
    assert re.search(r"^ahk_\w+\r?$", shown, re.MULTILINE)
    assert "it cannot be read again" in process.stderr


def test_secrets_are_in_no_listing(shop: Place) -> None:
    """Neither the key of an issuer, nor API keys."""
    secret = "hunter2-hunter2-hunter2-hunter2-xyz"
    issuer = {
        "issuer": "https://issuer.example", "audience": ["shop"], "algorithms": ["HS256"],
        "key": secret,
    }  # fmt: skip
    variables = {"ACTIONHERO_AUTH__ISSUERS": json.dumps([issuer])}
    created = create(shop, "--scope", "read", **variables)
    commands = (
        ("config",), ("config", "--format", "json"), ("doctor", "--deploy"), ("plugins",),
        ("--log-level", "debug", "auth", "keys", "list"),
        ("--log-level", "debug", "call", "status"),
    )  # fmt: skip
    for running in [shop.start(*command, **variables) for command in commands]:
        command = running.wait()
        assert secret not in command.stdout + command.stderr
        assert created["key"].rpartition("_")[2] not in command.stdout + command.stderr
    invalid = shop.run("config", ACTIONHERO_AUTH__ISSUERS=json.dumps([{**issuer, "leeway": "1d"}]))
    assert invalid.code == 78
    assert secret not in invalid.stdout + invalid.stderr
