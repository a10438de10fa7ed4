"""The principal of a job is that of the call that enqueued it."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

import pytest

from actionhero import ANONYMOUS, Action, Call, Permission, Principal, Scope
from actionhero_tasks import JobState, Tasks
from actionhero_tasks.job_principal import grants_of, principal_of

if TYPE_CHECKING:
    from collections.abc import Callable


class Write(Action):
    """Require a scope."""

    name = "write"
    requires = Scope("write") | Permission("admin")

    async def run(self, call: Call) -> list[Any]:
        principal = call.principal
        return [principal.user, principal.kind, principal.method, principal.credential_id]


class EnqueueWrite(Action):
    """Enqueue the other action; it is public."""

    name = "enqueue-write"

    async def run(self, call: Call) -> str:
        return await call.get(Tasks).enqueue(Write)


@pytest.mark.parametrize(
    ("principal", "result"),
    [
        (Principal(7, method="session"), [7, "user", "job", ""]),
        (
            Principal("bot", "service", frozenset({"write"}), credential_id="key-1"),
            ["bot", "service", "job", "key-1"],
        ),
        (
            Principal(8, scopes=frozenset(), permissions=frozenset({"admin"})),
            [8, "user", "job", ""],
        ),
        (Principal(9, scopes=frozenset({"read"})), None),
        (None, None),
    ],
    ids=["session", "service", "permission", "other-scope", "anonymous"],
)
async def test_a_job_has_no_more_rights_than_the_call_that_enqueued_it(
    tasks_app: Callable[..., Any], principal: Principal | None, result: Any
) -> None:
    """Its requirements are checked as over every transport."""
    async with tasks_app(EnqueueWrite, Write) as app:
        id = await app.connect(principal=principal).call("enqueue-write")
        job = await app.get(Tasks).wait(id)

    if result is not None:
        assert (job.state, job.result) == (JobState.DONE, result)
    else:
        assert job.state is JobState.DEAD
        expected = "CONNECTION_SESSION_NOT_FOUND" if principal is None else "_FORBIDDEN"
        assert expected in json.dumps(job.error)


@pytest.mark.parametrize(
    "principal",
    [
        Principal(7),
        Principal("a", "service"),
        Principal("a", scopes=frozenset()),
        Principal("a", scopes=frozenset({"b", "c"}), permissions=frozenset({"d"})),
        Principal("a", credential_id="key-1"),
    ],
)
def test_a_principal_passes_through_a_message(principal: Principal) -> None:
    """As JSON."""
    grants = json.loads(json.dumps(grants_of(principal)))

    read = principal_of(principal.user, grants)

    assert read is not None
    assert read == dataclasses.replace(principal, method="job")


def test_a_call_without_a_user_has_no_principal() -> None:
    """The job is anonymous."""
    assert principal_of(None, grants_of(ANONYMOUS)) is None


@pytest.mark.parametrize("grants", [[], "x", {"scopes": "write"}, {"permissions": [1]}])
def test_malformed_grants_are_refused(grants: Any) -> None:
    """They would else be a principal without limits."""
    with pytest.raises(ValueError, match=r"the (principal is|scopes or permissions are) no "):
        principal_of(7, grants)
