"""Sign up, change what others know of you, look at somebody."""

from __future__ import annotations

from typing import Annotated, TypedDict

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
from actionhero_chat.fields import Address, Email, Name, Password, RowId, Text, without_default
from actionhero_chat.ops import users
from actionhero_chat.passwords import Passwords
from actionhero_db import Database
from actionhero_openapi import Operation
from actionhero_sessions import RequireSession
from actionhero_web import Route, WebSettings


class OwnUserShown(TypedDict):
    """A user, told to themselves."""

    user: users.OwnUser


class PublicUserShown(TypedDict):
    """A user, told to others."""

    user: users.PublicUser


class UserCreateInputs(Inputs):
    """Who signs up."""

    name: Name = Field(description="What others read beside your messages.")
    email: Email = Field(description="What you sign in with.")
    password: Secret[Password] = Field(description="Known to nobody else.")


class UserCreate(Action):
    """Sign up."""

    name = "user:create"
    web = Route.put("/user")
    openapi = Operation(
        errors=[Conflict],
        examples={"Ada": {"name": "Ada", "email": "ada@example.com", "password": "correct horse"}},
    )

    async def run(self, inputs: UserCreateInputs, call: Call) -> OwnUserShown:
        await users.refuse_taken(inputs.email)
        password_hash = await call.get(Passwords).hash(inputs.password)
        return {"user": users.own(await users.add(inputs.name, inputs.email, password_hash))}


class UserEditInputs(Inputs):
    """What is to be changed; what is left out stays."""

    name: Annotated[str, Text(1, 256)] = Field(
        default="", json_schema_extra=without_default, description="Your new name."
    )
    email: Address = Field(
        default="", json_schema_extra=without_default, description="Your new e-mail address."
    )
    password: Secret[Annotated[str, Text(8, 256)]] = Field(
        default="", json_schema_extra=without_default, description="Your new password."
    )


class UserEdit(Action):
    """Change your name, your e-mail address or your password."""

    name = "user:edit"
    web = Route.post("/user")
    openapi = Operation(
        errors=[Conflict, NotFound],
        examples={"another name": {"name": "Ada Lovelace"}},
    )
    middleware = [RequireSession()]

    async def run(self, inputs: UserEditInputs, call: Call) -> OwnUserShown:
        values = inputs.model_dump(include={"name", "email"}, exclude_unset=True)
        if "password" in inputs.model_fields_set:
            # Before the transaction: hashing takes long, and a transaction holds a connection.
            values["password_hash"] = await call.get(Passwords).hash(inputs.password)
        if not values:
            raise _nothing_to_change(call)
        async with call.get(Database).transaction():
            return {"user": users.own(await users.change(call.session["userId"], values))}


class UserViewInputs(Inputs):
    """Who is looked at."""

    user: RowId = Field(description="The id of the user.")


class UserView(Action):
    """Look at a user."""

    name = "user:view"
    web = Route.get("/user/{user}")
    openapi = Operation(errors=[NotFound], examples={"the first": {"user": 1}})
    middleware = [RequireSession()]

    async def run(self, inputs: UserViewInputs) -> PublicUserShown:
        return {"user": users.public(await users.find(inputs.user))}


def _nothing_to_change(call: Call) -> TypedError:
    if call.get(WebSettings).error_format == "actionhero":
        # Their clients know it as a failure of the action, in these words.
        return TypedError("Error: No values to set", type=ErrorType.ACTION_RUN)
    return InvalidInput("No values to set")
