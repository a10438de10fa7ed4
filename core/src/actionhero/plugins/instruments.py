"""`Instrument`: a figure of a part of the application, for plugins that show metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

    #: Pairs of labels and a number: `[({"state": "open"}, 3)]`. Without labels: `[({}, 3)]`.
    Readings: TypeAlias = Iterable[tuple[Mapping[str, str], float]]


class Instrument:
    """A figure, added by the hook `actionhero_instruments`. It is either read or recorded.

    One with `read` is read only while metrics are requested; one without is recorded: the part
    that contributes it calls `record` if that is not `None`, with the number and the values of the
    labels. Without a plugin that shows metrics, `record` stays `None`.

    ```python
    Instrument("mail.queue", "gauge", description="Mails to send.", read=lambda: [({}, len(queue))])

    sent = Instrument("mail.sent", "counter", description="Sent mails.", labels=("server",))
    if sent.record is not None:
        sent.record(1, "smtp.example.com")
    ```

    Args:
        name: The name: lower case, with dots. A label must have few values, none from a client.
        kind: `gauge`, `counter` (a total that never decreases) or `histogram` (recorded only).
        unit: The unit, such as `s` or `By` (bytes); empty for a number of things.
        description: One sentence.
        read: Returns pairs of labels and a number. It must not block; it may be a coroutine
            function. `None`: the instrument is recorded.
        scope: `process` for a figure of this process, `shared` for one that is the same in all,
            such as the length of a queue in Redis.
        labels: The names of the labels of a recorded instrument.
        aggregation: How the figures of processes become one: a `sum`, the `max` or the `min`.
    """

    __slots__ = (
        "aggregation", "description", "kind", "labels", "name", "read", "record", "scope", "unit",
    )  # fmt: skip

    def __init__(
        self,
        name: str,
        kind: Literal["gauge", "counter", "histogram"] = "gauge",
        unit: str = "",
        description: str = "",
        read: Callable[[], Readings | Awaitable[Readings]] | None = None,
        scope: Literal["process", "shared"] = "process",
        *,
        labels: Sequence[str] = (),
        aggregation: Literal["sum", "max", "min"] = "sum",
    ) -> None:
        self.name = name
        self.kind = kind
        self.unit = unit
        self.description = description
        self.read = read
        self.scope = scope
        self.labels = tuple(labels)
        self.aggregation = aggregation
        #: Called with a number and the values of the labels; set by the plugin that shows metrics.
        self.record: Callable[..., None] | None = None

    def __repr__(self) -> str:
        return f"<Instrument {self.name!r} {self.kind}>"
