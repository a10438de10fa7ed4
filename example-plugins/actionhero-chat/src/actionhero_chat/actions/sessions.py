"""Sign in, sign out."""

from __future__ import annotations

from typing import Any, TypedDict

from actionhero import Action, Call, Field, Inputs, InvalidCredentials, Secret
from actionhero_chat.fields import Email, Password
from actionhero_chat.ops import users
from actionhero_chat.passwords import Passwords
from actionhero_openapi import Operation
from actionhero_sessions import RequireSession, Sessions
from actionhero_web import Route


class SessionShown(TypedDict):
    """A session, told to whose it is."""

    #: `None` where no store keeps it: on the command line.
    id: str | None
    #: The cookie that brings it back.
    cookieName: str
    #: Milliseconds since the epoch.
    createdAt: int
    data: dict[str, Any]


class SignedIn(TypedDict):
    """Who has signed in, and their session."""

    user: users.OwnUser
    session: SessionShown


class SignedOut(TypedDict):
    """That somebody has signed out."""

    success: bool


class SessionCreateInputs(Inputs):
    """Who signs in."""

    email: Email = Field(description="What you signed up with.")
    password: Secret[Password] = Field(description="Your password.")


class SessionCreate(Action):
    """Sign in."""

    name = "session:create"
    web = Route.put("/session")
    openapi = Operation(
        errors=[InvalidCredentials],
        examples={"Ada": {"email": "ada@example.com", "password": "correct horse"}},
    )

    async def run(self, inputs: SessionCreateInputs, call: Call) -> SignedIn:
        passwords = call.get(Passwords)
        user = await users.find_by_email(inputs.email)
        # Also without a user: who is here must not be seen by how long a refusal takes.
        fits = await passwords.fits(user.password_hash if user else None, inputs.password)
        if user is None or not fits:
            raise InvalidCredentials("Invalid email or password")
        if passwords.is_outdated(user.password_hash):
            await users.rehash(user, await passwords.hash(inputs.password))
        session = call.session
        # Whoever knew the identifier before must not be signed in with us.
        await session.regenerate()
        session["userId"] = user.id
        return {
            "user": users.own(user),
            "session": {
                "id": session.id,
                "cookieName": call.get(Sessions).cookie_name(call.connection),
                "createdAt": session.created_ms,
                "data": dict(session),
            },
        }


class SessionDestroy(Action):
    """Sign out."""

    name = "session:destroy"
    web = Route.delete("/session")
    openapi = Operation(errors=[])
    middleware = [RequireSession()]

    async def run(self, call: Call) -> SignedOut:
        await call.session.destroy()
        return {"success": True}
