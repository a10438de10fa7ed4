"""Commands that end the grants of agents."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from actionhero_redis.testing import redis_server  # noqa: F401 - a fixture

if TYPE_CHECKING:
    from tests.conftest import Place

    from actionhero_redis.testing import ThrowAwayRedis

APPLICATION = '''
from __future__ import annotations

from actionhero import Action, Call
from actionhero_oauth import AuthorizationServer


class SignIn(Action):
    """Sign in."""

    name = "session:create"

    async def run(self, name: str, call: Call) -> None:
        call.session["userId"] = name


class Allow(Action):
    """Store a grant."""

    name = "allow"

    async def run(self, call: Call) -> str:
        grants = call.get(AuthorizationServer).grants
        scopes = frozenset({"mcp"})
        grant = await grants.create("ada", "app", "App", "localhost", scopes, "http://x/mcp")
        return grant.id
'''


def test_the_operator_who_ends_a_grant_is_recorded(
    place: Place,
    redis_server: ThrowAwayRedis,  # noqa: F811 - the fixture
) -> None:
    """Not its user; with the account of the machine."""
    place.enabled = ["oauth", "redis", "sessions", "web"]
    place.write("shop/__init__.py", "")
    place.write("shop/actions.py", APPLICATION)
    place.write("actionhero.toml", 'app.package = "shop"\n')
    variables = {"REDIS_URL": redis_server.url}
    grant = json.loads(place.run("call", "allow", **variables).stdout)

    commands = [
        place.run("--log-level", "info", "oauth", "revoke", grant, **variables) for _ in range(2)
    ]

    assert [command.code for command in commands] == [0, 1], commands
    ended, unknown = (
        json.loads(line)
        for command in commands
        for line in command.stderr.splitlines()
        if '"logger":"actionhero.audit"' in line
    )
    assert ended["event"] == unknown["event"] == "credential_revocation"
    assert (ended["user"], ended["method"], ended["transport"]) == (None, "operator", "cli")
    account = ended["details"].pop("account")
    assert account
    assert ended["details"] == {"grant": grant, "known": True, "owner": "ada", "client": "app"}
    assert unknown["details"] == {"account": account, "grant": grant, "known": False}
