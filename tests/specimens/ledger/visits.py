"""Actions that read and write the session."""

from __future__ import annotations

from typing import Any

from actionhero import Action, Call, Inputs


class UserInputs(Inputs):
    """The user."""

    user: int


class NoteInputs(Inputs):
    """A value for the session."""

    key: str
    value: Any = None


class SignIn(Action):
    """Sign in."""

    name = "visit:sign-in"
    web = "PUT /session"

    async def run(self, inputs: UserInputs, call: Call) -> None:
        await call.session.regenerate()
        call.session["userId"] = inputs.user


class Recall(Action):
    """Return the values in the session."""

    name = "visit:recall"
    web = "GET /session"

    async def run(self, call: Call) -> dict[str, Any]:
        return dict(call.session)


class Remember(Action):
    """Store a value in the session."""

    name = "visit:remember"
    web = "POST /session"

    async def run(self, inputs: NoteInputs, call: Call) -> None:
        call.session[inputs.key] = inputs.value
