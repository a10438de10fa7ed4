"""`MetricsInitializer`: starts the metrics of a process, and its listener."""

from __future__ import annotations

from actionhero import Initializer, RunMode


class MetricsInitializer(Initializer):
    """Starts in servers, workers and schedulers; a command is too short to be measured."""

    name = "metrics"
    modes = frozenset({RunMode.SERVER, RunMode.WORKER, RunMode.SCHEDULER})
