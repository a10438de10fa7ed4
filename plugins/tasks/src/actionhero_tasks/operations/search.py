"""`JobSearch`: the newest jobs that match a text, among a limited number of jobs."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from actionhero_tasks.envelope import Envelope, UndecodableJob
from actionhero_tasks.operations.serialization import trace_id_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from actionhero_tasks.job import JobRecord, JobState
    from actionhero_tasks.stores.inspection import JobInspection

#: The number of jobs that one search reads.
MAX_SEARCHED: Final = 10_000
#: How long it reads. The console ends a query after two seconds.
MAX_SECONDS: Final = 1.2
#: The number of jobs in one step, after which other queries have their turn.
STEP: Final = 500


@dataclass(slots=True)
class Matches:
    """The result of a search."""

    #: The newest first.
    records: list[JobRecord] = field(default_factory=list)
    #: How many jobs were read.
    searched: int = 0
    #: Whether these were all jobs.
    is_complete: bool = True


class JobSearch:
    """Searches jobs by a part of their id, action or key, or by a request, trace or fan-out.

    Stores have no index for these, so the newest jobs of each state are read: `MAX_SEARCHED` in
    all. Only a complete id finds any job.

    Args:
        use: Calls a function with the store, and returns its result.
        text: The text.
        states: The states to search.
        queue: The queue to search; `None`: all.
    """

    def __init__(
        self,
        use: Callable[[Callable[[JobInspection], Any]], Awaitable[Any]],
        text: str,
        states: Sequence[JobState],
        queue: str | None,
    ) -> None:
        self._use = use
        self._text = text
        self._folded = text.casefold()
        self._bytes = text.encode("utf-8", "replace")
        self._states = list(states)
        self._queue = queue

    async def run(self, limit: int) -> Matches:
        """Return up to `limit` matches."""
        deadline = time.monotonic() + MAX_SECONDS
        matches = Matches()
        by_id: dict[str, JobRecord] = {}
        exact: JobRecord | None = await self._use(lambda store: store.find(self._text))
        if exact is not None and self._is_searched(exact):
            by_id[exact.id] = exact
        before: dict[JobState, int | None] = dict.fromkeys(self._states)
        while before:
            for state, seq in list(before.items()):
                if matches.searched >= MAX_SEARCHED or time.monotonic() >= deadline:
                    matches.is_complete = False
                    before.clear()
                    break
                page = await self._page(state, seq)
                matches.searched += len(page)
                by_id |= {record.id: record for record in page if self._matches(record)}
                if len(page) < STEP:
                    del before[state]
                else:
                    before[state] = page[-1].seq
        records = sorted(by_id.values(), key=lambda record: record.seq, reverse=True)
        matches.records = records[:limit]
        matches.is_complete = matches.is_complete and len(records) <= limit
        return matches

    async def _page(self, state: JobState, before: int | None) -> list[JobRecord]:
        def read(store: JobInspection) -> list[JobRecord]:
            return store.jobs(state, self._queue, before=before, limit=STEP)

        page: list[JobRecord] = await self._use(read)
        return page

    def _is_searched(self, record: JobRecord) -> bool:
        return record.state in self._states and self._queue in (None, record.queue)

    def _matches(self, record: JobRecord) -> bool:
        texts = (record.id, record.action, record.key or "")
        if any(self._folded in text.casefold() for text in texts) or self._text == record.batch:
            return True
        if self._bytes not in record.body:
            return False
        try:
            envelope = Envelope.read(record.body)
        except UndecodableJob:
            return False
        return self._text in (envelope.request_id, trace_id_of(envelope))
