"""The states of jobs in the PostgreSQL store, its schema, and the constants of its statements."""

from __future__ import annotations

import re
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from actionhero_tasks.job import JobState
from actionhero_tasks.stores.store import LOST_ERROR, MAX_DELIVERIES

if TYPE_CHECKING:
    from collections.abc import Mapping

#: The states of jobs; integers, because every index contains them.
READY: Final = 0
DELAYED: Final = 1
RUNNING: Final = 2
DONE: Final = 3
DEAD: Final = 4
CANCELLED: Final = 5
#: Ready, and it was running during two crashes.
SUSPECT: Final = 6
#: Ready, and being sent to a message broker.
SENDING: Final = 7
#: Ready, and sent to a message broker.
SENT: Final = 8

STATES: Final[Mapping[int, JobState]] = {
    READY: JobState.READY,
    DELAYED: JobState.DELAYED,
    RUNNING: JobState.RUNNING,
    DONE: JobState.DONE,
    DEAD: JobState.DEAD,
    CANCELLED: JobState.CANCELLED,
    SUSPECT: JobState.READY,
    SENDING: JobState.READY,
    SENT: JobState.READY,
}

#: The longest name of a schema and of a notification channel, in bytes.
MAX_NAME_BYTES: Final = 63
_SUFFIX: Final = "_tasks"
_CONSTANTS: Final[Mapping[str, object]] = {
    "READY": READY,
    "DELAYED": DELAYED,
    "RUNNING": RUNNING,
    "DONE": DONE,
    "DEAD": DEAD,
    "CANCELLED": CANCELLED,
    "SUSPECT": SUSPECT,
    "SENDING": SENDING,
    "SENT": SENT,
    "MAX_DELIVERIES": MAX_DELIVERIES,
    # The plans of functions are kept, whatever the statistics were when they were made: those of an
    # empty table would read all of a million jobs. The costs would also start the JIT compiler.
    "PLANNER": "SET jit = off SET enable_seqscan = off SET enable_bitmapscan = off "
    "SET enable_sort = off SET plan_cache_mode = force_generic_plan",
    "LOST": f"convert_to('{LOST_ERROR}', 'UTF8')",
}
#: A constant such as `:READY`, but no type such as `::bigint`.
_CONSTANT: Final = re.compile(r"(?<!:):([A-Z_]+)\b")
#: The schema in the files: `tasks.`, as a whole word.
_SCHEMA: Final = re.compile(r"\btasks\.")


def schema_name(application: str) -> str:
    """Return a unique name for the schema of an application, of ASCII letters and digits."""
    name = re.sub(r"[^a-z0-9_-]+", "-", application.lower())
    if name == application and 0 < len(name) <= MAX_NAME_BYTES - len(_SUFFIX):
        return name + _SUFFIX
    # Names that differ only in the replaced characters must not share their tables.
    digest = sha256(application.encode()).hexdigest()[:8]
    return f"{name[: MAX_NAME_BYTES - len(_SUFFIX) - len(digest) - 1]}-{digest}{_SUFFIX}"


def render(sql: str, schema: str) -> str:
    """Replace the constants and the schema `tasks` in a statement."""
    constants = {**_CONSTANTS, "CHANNEL": f"'{schema}'"}
    sql = _CONSTANT.sub(lambda match: str(constants[match[1]]), sql)
    return _SCHEMA.sub(f'"{schema}".', sql)
