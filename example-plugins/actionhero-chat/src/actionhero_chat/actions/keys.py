"""Actions that create, list and revoke API keys."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, TypedDict

from actionhero import Action, Call, Field, Inputs, NotFound
from actionhero_auth import ApiKey, ApiKeys
from actionhero_chat.access import REVOKE_KEYS, WRITE_MESSAGES, KeyScope, SessionRequired
from actionhero_chat.fields import IntRange, Text
from actionhero_chat.ops.timestamps import to_milliseconds
from actionhero_openapi import Operation
from actionhero_web import Route

MAX_DAYS = 3650


class KeyData(TypedDict):
    """An API key, without its secret."""

    id: str
    name: str
    scopes: list[str]
    #: Milliseconds since the epoch, as in `expiresAt` and `lastUsedAt`.
    createdAt: int
    expiresAt: int | None
    lastUsedAt: int | None


class KeyCreated(TypedDict):
    """The result of `key:create`."""

    key: KeyData
    #: The text that clients send. It is shown once.
    secret: str


class KeyList(TypedDict):
    """The keys of the caller, the newest first."""

    keys: list[KeyData]


class KeyRevoked(TypedDict):
    """The result of `key:revoke`."""

    success: bool


def _serialize(key: ApiKey) -> KeyData:
    return {
        "id": key.id,
        "name": key.name,
        # An operator may have created it without a limit.
        "scopes": [WRITE_MESSAGES] if key.scopes is None else list(key.scopes),
        "createdAt": to_milliseconds(key.created_at),
        "expiresAt": None if key.expires_at is None else to_milliseconds(key.expires_at),
        "lastUsedAt": None if key.last_used_at is None else to_milliseconds(key.last_used_at),
    }


class KeyCreateInputs(Inputs):
    """The inputs of `key:create`."""

    name: Annotated[str, Text(1, 200)] = Field(description="A name by which you recognize it.")
    scopes: list[KeyScope] = Field(
        default=[WRITE_MESSAGES], description="Without messages:write, the key can only read."
    )
    days: Annotated[int, IntRange(1, MAX_DAYS)] = Field(
        default=90, description="The number of days after which it expires."
    )


class KeyCreate(Action):
    """Create an API key. Its secret is shown once."""

    name = "key:create"
    web = Route.put("/key")
    openapi = Operation(errors=[], examples={"a script": {"name": "script", "days": 30}})
    requires = SessionRequired()

    async def run(self, inputs: KeyCreateInputs, call: Call) -> KeyCreated:
        created = await call.get(ApiKeys).create(
            call.principal.user,
            inputs.name,
            scopes=inputs.scopes,
            expires_in=timedelta(days=inputs.days),
        )
        return {"key": _serialize(created.api_key), "secret": created.secret}


class KeysList(Action):
    """List your API keys, without their secrets."""

    name = "keys:list"
    web = Route.get("/keys")
    openapi = Operation(errors=[])
    requires = SessionRequired()

    async def run(self, call: Call) -> KeyList:
        keys = await call.get(ApiKeys).list(call.principal.user)
        return {"keys": [_serialize(key) for key in keys]}


class KeyRevokeInputs(Inputs):
    """The inputs of `key:revoke`."""

    key: Annotated[str, Text(1, 100)] = Field(description="The id of the key.")


class KeyRevoke(Action):
    """Revoke one of your API keys; an administrator may revoke any."""

    name = "key:revoke"
    web = Route.delete("/key/{key}")
    openapi = Operation(errors=[NotFound], examples={"an unknown one": {"key": "0a1b2c3d4e5f"}})
    requires = SessionRequired()

    async def run(self, inputs: KeyRevokeInputs, call: Call) -> KeyRevoked:
        keys = call.get(ApiKeys)
        is_revoked = await keys.revoke(inputs.key, user=call.principal.user)
        if not is_revoked and await call.has_permission(REVOKE_KEYS):
            is_revoked = await keys.revoke(inputs.key)
        if not is_revoked:
            raise NotFound(f"Key with id {inputs.key} not found")
        return {"success": True}
