"""The application of the table of identity, as text: it runs in processes of its own."""

from __future__ import annotations

ACTIONS = '''
from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

from actionhero import Action, Call, Event, Inputs, InvalidCredentials, Permission, Scope, Secret
from actionhero import SignedIn
from actionhero_auth import ApiKeys
from actionhero_tasks import Tasks


class Number(Inputs):
    number: int


class Write(Action):
    """Require a scope."""

    name = "write"
    web = "PUT /write"
    requires = Scope("write")
    task = {"queue": "default", "retries": 0}

    async def run(self, inputs: Number, call: Call) -> str:
        return f"{call.principal.id} wrote {inputs.number}"


class Watch(Action):
    """Require a scope, and stream."""

    name = "watch"
    web = "GET /watch"
    requires = Scope("write")

    async def run(self, inputs: Number, call: Call) -> AsyncIterator[Event[str]]:
        yield Event(f"{call.principal.id} wrote {inputs.number}")


class Moderate(Action):
    """Require a permission, which no caller has."""

    name = "moderate"
    requires = Permission("moderate")

    async def run(self) -> None: ...


class Enqueue(Action):
    """Enqueue the action that requires a scope; it is public."""

    name = "write:enqueue"
    web = "POST /write/jobs"

    async def run(self, inputs: Delayed, call: Call) -> str:
        delay = timedelta(seconds=inputs.delay)
        return await call.get(Tasks).enqueue(Write, {"number": 1}, delay=delay)


class Delayed(Inputs):
    delay: float = 0


class Job(Inputs):
    id: str


class ShowJob(Action):
    """Wait for a job."""

    name = "job"
    web = "GET /jobs/{id}"

    async def run(self, inputs: Job, call: Call) -> dict[str, object]:
        job = await call.get(Tasks).wait(inputs.id)
        return {"result": job.result, "error": job.error}


class Account(Inputs):
    name: str
    password: Secret[str]


class SignIn(Action):
    """Sign in."""

    name = "session:create"
    web = "PUT /session"

    async def run(self, inputs: Account, call: Call) -> None:
        if inputs.password != "correct-s3cret":
            raise InvalidCredentials("Invalid name or password")
        await call.session.regenerate()
        call.session["userId"] = inputs.name


class KeyInputs(Inputs):
    scopes: list[str]


class CreateKey(Action):
    """Create an API key."""

    name = "key:create"
    web = "POST /keys"

    async def run(self, inputs: KeyInputs, call: Call) -> dict[str, str]:
        new = await call.get(ApiKeys).create(7, "ci", scopes=inputs.scopes)
        return {"id": new.api_key.id, "secret": new.secret}


class RevokeKey(Action):
    """Revoke an API key."""

    name = "key:revoke"
    web = "DELETE /keys/{id}"

    async def run(self, inputs: Job, call: Call) -> bool:
        return await call.get(ApiKeys).revoke(inputs.id)
'''

CHANNELS = '''
from __future__ import annotations

from actionhero import ChannelRefused
from actionhero_channels import Channel, Subscription


class Club(Channel):
    """For signed-in users."""

    name = "club"

    async def authorize(self, subscription: Subscription) -> None:
        if "userId" not in subscription.session:
            raise ChannelRefused("Members only")

    async def presence_key(self, subscription: Subscription) -> str | None:
        return None
'''
