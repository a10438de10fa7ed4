"""The work of every peer, so that they differ only in the framework."""

from __future__ import annotations

import itertools
import os
import resource
import time
from typing import Final, TypedDict


class About(TypedDict):
    """How this process is."""

    name: str
    uptime: float
    pid: int
    memory: int


class User(TypedDict):
    """A user in a response."""

    id: int
    name: str
    email: str


EMAIL: Final = r"^[^@\s]+@[^@\s]+\.[^@\s]+$"

#: How many routes a peer has in all, those that are measured included.
ROUTE_COUNT: Final = 200
#: Names of resources that are never requested: half sort before the requested one, half after.
THINGS: Final = [f"thing{number}" for number in range(ROUTE_COUNT - 3)]
BEFORE: Final = THINGS[: len(THINGS) // 2]
AFTER: Final = THINGS[len(THINGS) // 2 :]

_started = time.time()
_numbers = itertools.count(1)


def about() -> About:
    """Return the small response of `GET /api/about`."""
    return {
        "name": "bench",
        "uptime": time.time() - _started,
        "pid": os.getpid(),
        "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
    }


def new_user(name: str, email: str) -> User:
    """Return the user that a valid `POST /api/user` makes."""
    return {"id": next(_numbers), "name": name, "email": email}


def user(number: int) -> User:
    """Return the user that `GET /api/user/{id}` shows."""
    return {"id": number, "name": f"User {number}", "email": f"user{number}@example.com"}
