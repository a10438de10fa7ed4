"""Actions that write entries, each with a different result."""

from __future__ import annotations

import asyncio
import sys
from datetime import timedelta

from tortoise.exceptions import IntegrityError

from actionhero import Action, Call, Conflict, Inputs
from actionhero_db import Database, Transaction
from ledger.models import Entry

released = asyncio.Event()


class EntryInputs(Inputs):
    """The contents of an entry."""

    text: str
    number: int = 0


class Add(Action):
    """Write an entry, and translate the violation of its constraint."""

    name = "entry:add"
    web = "POST /entries"
    middleware = [Transaction()]

    async def run(self, inputs: EntryInputs, call: Call) -> int:
        try:
            entry = await Entry.create(text=inputs.text, number=inputs.number)
        except IntegrityError:
            raise Conflict("The entry exists already") from None
        return int(entry.id)


class Count(Action):
    """Count the entries."""

    name = "entry:count"
    web = "GET /entries"

    async def run(self, call: Call) -> int:
        return int(await Entry.all().count())


class Force(Action):
    """Write an entry, without handling any error."""

    name = "entry:force"
    web = "POST /entries/force"

    async def run(self, inputs: EntryInputs, call: Call) -> None:
        await Entry.create(text=inputs.text, number=inputs.number)


class Refuse(Action):
    """Write an entry, then raise a typed error."""

    name = "entry:refuse"
    web = "POST /entries/refuse"
    middleware = [Transaction()]

    async def run(self, inputs: EntryInputs, call: Call) -> None:
        await Entry.create(text=inputs.text)
        raise Conflict("Not today")


class Crash(Action):
    """Write an entry, then raise an unexpected exception."""

    name = "entry:crash"
    web = "POST /entries/crash"
    middleware = [Transaction()]

    async def run(self, inputs: EntryInputs, call: Call) -> None:
        await Entry.create(text=inputs.text)
        raise RuntimeError(f"lost {inputs.text}")


class Break(Action):
    """Run invalid SQL."""

    name = "entry:break"
    web = "POST /entries/break"

    async def run(self, inputs: EntryInputs, call: Call) -> None:
        connection = await call.get(Database).connection()
        await connection.execute_query(f"SELECT * FROM nowhere WHERE text = '{inputs.text}'")


class Hold(Action):
    """Write an entry, and hold the transaction until `entry:release`."""

    name = "entry:hold"
    web = "POST /entries/hold"
    middleware = [Transaction()]

    async def run(self, inputs: EntryInputs, call: Call) -> None:
        await Entry.create(text=inputs.text)
        print(f"holding {inputs.text}", file=sys.stderr, flush=True)
        await released.wait()


class Slow(Action):
    """Write an entry, and exceed the timeout."""

    name = "entry:slow"
    web = "POST /entries/slow"
    middleware = [Transaction()]
    timeout = timedelta(milliseconds=300)

    async def run(self, inputs: EntryInputs, call: Call) -> None:
        await Entry.create(text=inputs.text)
        await asyncio.Event().wait()


class Release(Action):
    """Release the held transactions."""

    name = "entry:release"
    web = "POST /release"

    async def run(self, call: Call) -> None:
        released.set()


class Plain(Action):
    """Return a value, without a database or a session."""

    name = "plain"
    web = "GET /plain"

    async def run(self, call: Call) -> str:
        return "plain"
