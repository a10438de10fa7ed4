"""Actions that sign in and sign out."""

from __future__ import annotations

from typing import TypedDict

from actionhero import Action, Call, Field, Inputs, InvalidCredentials, Secret
from actionhero_auth import Passwords
from actionhero_chat.fields import Email, ExistingPassword
from actionhero_chat.ops import users
from actionhero_limits import Limit
from actionhero_openapi import Operation
from actionhero_sessions import RequireSession, Sessions
from actionhero_web import Route


class SessionValues(TypedDict):
    """The data of a session."""

    userId: int


class SessionData(TypedDict):
    """A session, as its own user sees it."""

    #: Empty without a session store, as on the command line.
    id: str
    #: The name of the session cookie.
    cookieName: str
    #: Milliseconds since the epoch.
    createdAt: int
    data: SessionValues


class SessionCreated(TypedDict):
    """The result of `session:create`: the signed-in user and the session."""

    user: users.OwnUser
    session: SessionData


class SessionDestroyed(TypedDict):
    """The result of `session:destroy`."""

    success: bool


class SessionCreateInputs(Inputs):
    """The inputs of `session:create`."""

    email: Email = Field(description="The e-mail address of your account.")
    password: Secret[ExistingPassword] = Field(description="Your password.")


def account(call: Call) -> object:
    """Return the account whose password a call guesses."""
    return str(call.inputs.email).lower()


class SessionCreate(Action):
    """Sign in."""

    name = "session:create"
    web = Route.put("/session")
    # Guesses: of one client, and of many clients for one account.
    limit = [
        Limit("600/hour", by="address"),
        Limit("100/hour", by=account, burst=300, name="account"),
    ]
    openapi = Operation(
        errors=[InvalidCredentials],
        examples={"Ada": {"email": "ada@example.com", "password": "correct horse"}},
    )

    async def run(self, inputs: SessionCreateInputs, call: Call) -> SessionCreated:
        passwords = call.get(Passwords)
        user = await users.find_by_email(inputs.email)
        # Verify without a user too: the response time must not reveal registered addresses.
        is_valid = await passwords.verify(user.password_hash if user else None, inputs.password)
        if user is None or not is_valid:
            raise InvalidCredentials("Invalid email or password")
        if passwords.needs_rehash(user.password_hash):
            await users.replace_password_hash(user, await passwords.hash(inputs.password))
        session = call.session
        # Against session fixation: the identifier from before the sign-in must not be signed in.
        await session.regenerate()
        session["userId"] = user.id
        return {
            "user": users.serialize_own(user),
            "session": {
                "id": session.id or "",
                "cookieName": call.get(Sessions).cookie_name(call.connection),
                "createdAt": session.created_ms,
                "data": {"userId": user.id},
            },
        }


class SessionDestroy(Action):
    """Sign out."""

    name = "session:destroy"
    web = Route.delete("/session")
    openapi = Operation(errors=[])
    middleware = [RequireSession()]

    async def run(self, call: Call) -> SessionDestroyed:
        await call.session.destroy()
        return {"success": True}
