"""Jobs and settlements for tests of stores."""

from __future__ import annotations

from typing import Any

from actionhero.transport import new_identifier
from actionhero_tasks.job import Claim, NewJob, Settlement, SettlementKind


def new_job(**fields: Any) -> NewJob:
    """Return a job that runs no action; `fields` override its defaults."""
    values: dict[str, Any] = {
        "id": new_identifier(),
        "queue": "default",
        "action": "add",
        "body": b'{"n":1}',
        **fields,
    }
    return NewJob(**values)


def new_settlement(
    claim: Claim, kind: SettlementKind = SettlementKind.DONE, **fields: Any
) -> Settlement:
    """Return a settlement of a claim; `fields` override its defaults."""
    return Settlement(claim.id, claim.token, kind, **fields)
