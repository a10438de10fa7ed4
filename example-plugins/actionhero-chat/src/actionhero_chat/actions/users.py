"""Actions that create, edit and view users."""

from __future__ import annotations

from typing import Annotated, ClassVar, TypedDict

from pydantic import ConfigDict

from actionhero import (
    Action,
    Call,
    Conflict,
    ErrorType,
    Field,
    Inputs,
    InvalidInput,
    NotFound,
    Secret,
    TypedError,
)
from actionhero_auth import Passwords
from actionhero_chat.access import PERMISSIONS, NoApiKey
from actionhero_chat.fields import (
    Email,
    Name,
    Password,
    RowId,
    StrictEmail,
    Text,
    without_default,
)
from actionhero_chat.ops import users
from actionhero_db import Database
from actionhero_limits import Limit
from actionhero_openapi import Operation
from actionhero_sessions import RequireSession
from actionhero_web import Route, WebSettings


class OwnUserResult(TypedDict):
    """The caller's own user."""

    user: users.OwnUser


class PublicUserResult(TypedDict):
    """A user, as other users see it."""

    user: users.PublicUser


class UserCreateInputs(Inputs):
    """The inputs of `user:create`."""

    name: Name = Field(description="The name that other users see.")
    email: Email = Field(description="The e-mail address to sign in with.")
    password: Secret[Password] = Field(description="The password to sign in with.")


class UserCreate(Action):
    """Sign up."""

    name = "user:create"
    web = Route.put("/user")
    limit = Limit("300/hour", by="address", burst=600)
    openapi = Operation(
        errors=[Conflict],
        examples={"Ada": {"name": "Ada", "email": "ada@example.com", "password": "correct horse"}},
    )

    async def run(self, inputs: UserCreateInputs, call: Call) -> OwnUserResult:
        await users.require_unused_email(inputs.email)
        password_hash = await call.get(Passwords).hash(inputs.password)
        user = await users.create(inputs.name, inputs.email, password_hash)
        return {"user": users.serialize_own(user)}


class UserEditInputs(Inputs):
    """The inputs of `user:edit`. Omitted fields are not changed."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1})

    name: Annotated[str, Text(1, 256)] = Field(
        default="", json_schema_extra=without_default, description="Your new name."
    )
    email: StrictEmail = Field(
        default="", json_schema_extra=without_default, description="Your new e-mail address."
    )
    password: Secret[Annotated[str, Text(8, 256)]] = Field(
        default="", json_schema_extra=without_default, description="Your new password."
    )


class UserEdit(Action):
    """Change your name, your e-mail address or your password."""

    name = "user:edit"
    web = Route.post("/user")
    # A person may have the agent change the password.
    mcp: ClassVar = {"tool": {"secrets": True}}
    openapi = Operation(
        errors=[Conflict, NotFound],
        examples={"another name": {"name": "Ada Lovelace"}},
    )
    requires = NoApiKey()
    middleware = [RequireSession()]

    async def run(self, inputs: UserEditInputs, call: Call) -> OwnUserResult:
        values = inputs.model_dump(include={"name", "email"}, exclude_unset=True)
        if "password" in inputs.model_fields_set:
            # Before the transaction: hashing is slow, and a transaction occupies a connection.
            values["password_hash"] = await call.get(Passwords).hash(inputs.password)
        if not values:
            raise _no_values_error(call)
        async with call.get(Database).transaction():
            user = await users.update(call.session["userId"], values)
            return {"user": users.serialize_own(user)}


class UserViewInputs(Inputs):
    """The inputs of `user:view`."""

    user: RowId = Field(description="The id of the user.")


class UserView(Action):
    """Return a user."""

    name = "user:view"
    web = Route.get("/user/{user}")
    mcp = True
    openapi = Operation(errors=[NotFound], examples={"the first": {"user": 1}})
    middleware = [RequireSession()]

    async def run(self, inputs: UserViewInputs) -> PublicUserResult:
        return {"user": users.serialize_public(await users.find(inputs.user))}


class PermissionsResult(TypedDict):
    """The result of `permissions:list`."""

    permissions: list[str]


class PermissionsList(Action):
    """List the permissions that an operator has given you."""

    name = "permissions:list"
    web = Route.get("/permissions")
    openapi = Operation(errors=[])
    middleware = [RequireSession()]

    async def run(self, call: Call) -> PermissionsResult:
        return {"permissions": [name for name in PERMISSIONS if await call.has_permission(name)]}


def _no_values_error(call: Call) -> TypedError:
    if call.get(WebSettings).error_format == "actionhero":
        # Clients of the original ActionHero expect an error of the action with this message.
        return TypedError("Error: No values to set", type=ErrorType.ACTION_RUN)
    return InvalidInput("No values to set")
