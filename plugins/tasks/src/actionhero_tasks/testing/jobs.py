"""Jobs and settlements for tests of stores."""

from __future__ import annotations

from typing import Any

from actionhero.transport import new_identifier
from actionhero_tasks.job import Claim, Ending, NewJob, Settlement


def new_job(**facts: Any) -> NewJob:
    """Return a job that runs nothing; `facts` are fields of it."""
    given: dict[str, Any] = {
        "id": new_identifier(),
        "queue": "default",
        "action": "add",
        "body": b'{"n":1}',
        **facts,
    }
    return NewJob(**given)


def ended(claim: Claim, ending: Ending = Ending.DONE, **facts: Any) -> Settlement:
    """Return what a worker says of a job that has ended; `facts` are fields of it."""
    return Settlement(claim.id, claim.token, ending, **facts)
