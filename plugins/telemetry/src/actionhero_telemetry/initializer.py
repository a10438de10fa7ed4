"""`MetricsInitializer`: the metrics of a process, from its start to its stop."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from actionhero import Initializer, LifecycleError, RunMode
from actionhero.settings import AppSettings
from actionhero_telemetry.call_observer import CallObserver
from actionhero_telemetry.settings import TelemetrySettings
from actionhero_telemetry.web_observer import RequestObserver

if TYPE_CHECKING:
    from collections.abc import Mapping

    from actionhero import Application
    from actionhero_telemetry.endpoint import MetricsEndpoint
    from actionhero_telemetry.instruments import InstrumentReader
    from actionhero_telemetry.listener import MetricsListener
    from actionhero_telemetry.process_figures import LoopDelay
    from actionhero_telemetry.recording import Recording
    from actionhero_telemetry.scrape import Scraper

#: The folder of the values, in the data folder.
FOLDER: Final = "telemetry"


class MetricsInitializer(Initializer):
    """Records metrics while the application runs, and serves them.

    A command is too short to be measured.

    Args:
        settings: The settings.
    """

    name = "metrics"
    modes = frozenset({RunMode.SERVER, RunMode.WORKER, RunMode.SCHEDULER})

    def __init__(self, settings: TelemetrySettings) -> None:
        self._settings = settings
        #: The observer of calls.
        self.calls = CallObserver()
        #: The observer of requests.
        self.requests = RequestObserver()
        #: The listener; `None` without one.
        self.listener: MetricsListener | None = None
        self._recording: Recording | None = None
        self._reader: InstrumentReader | None = None
        self._scraper: Scraper | None = None
        self._loop_delay: LoopDelay | None = None
        self._endpoint: MetricsEndpoint | None = None

    async def start(self, app: Application) -> None:
        """Begin to record, and listen.

        Raises:
            BootError: A metric is invalid, the values cannot be stored, or the address is not one
                of this machine.
        """
        from actionhero.transport import FileLock
        from actionhero_telemetry.endpoint import MetricsEndpoint
        from actionhero_telemetry.instruments import InstrumentReader
        from actionhero_telemetry.listener import MetricsListener
        from actionhero_telemetry.process_figures import LoopDelay, process_instruments
        from actionhero_telemetry.recording import Recording
        from actionhero_telemetry.scrape import Scraper

        settings, about = self._settings, app.get(AppSettings)
        self._recording = recording = Recording(
            about.make_data_dir() / FOLDER,
            settings.buckets,
            settings.series_limit,
            about.version or "",
        )
        self._loop_delay = LoopDelay()
        own = [
            self.calls.instrument,
            self.requests.instrument,
            self._loop_delay.instrument,
            *process_instruments(),
        ]
        self._reader = InstrumentReader(app, recording, own, settings.series_limit)
        self._scraper = Scraper(app, recording, self._reader)
        recording.start()
        self._loop_delay.start()
        self._scraper.start()
        password = settings.password
        self._endpoint = MetricsEndpoint(
            self._scraper,
            settings.username,
            None if password is None else password.get_secret_value(),
        )
        if settings.listen is not None:
            lock = FileLock(recording.slot.folder / "listener.lock")
            self.listener = MetricsListener(settings.listen, self._endpoint, lock)
            await self.listener.start()

    async def stop(self, app: Application) -> None:
        """Stop listening and recording. The totals stay for the next process."""
        if self.listener is not None:
            await self.listener.stop()
        if self._loop_delay is not None:
            self._loop_delay.stop()
        if self._scraper is not None:
            await self._scraper.stop()
        if self._reader is not None:
            self._reader.stop()
        if self._recording is not None:
            self._recording.close()

    @property
    def endpoint(self) -> MetricsEndpoint:
        """The responses with metrics.

        Raises:
            LifecycleError: The application has not started.
        """
        if self._endpoint is None:
            raise LifecycleError("the metrics have not started")
        return self._endpoint

    @property
    def dotted_names(self) -> Mapping[str, tuple[str, str]]:
        """The names with dots and the units of metrics, by their names for Prometheus."""
        return {} if self._recording is None else self._recording.names

    @property
    def scraper(self) -> Scraper:
        """Collects the metrics of all processes.

        Raises:
            LifecycleError: The application has not started.
        """
        if self._scraper is None:
            raise LifecycleError("the metrics have not started")
        return self._scraper


def metrics_of(app: Application) -> MetricsInitializer | None:
    """Return the metrics of an application; `None` if they are off, or for a command.

    They are also off if the settings name no place where they can be read.
    """
    if app.mode is RunMode.CLI or app.has_invalid_settings or not app.has(TelemetrySettings):
        return None
    settings = app.get(TelemetrySettings)
    if not settings.metrics or not (settings.listen or settings.route or settings.push):
        return None
    if not app.has(MetricsInitializer):
        app.provide(MetricsInitializer, MetricsInitializer(settings))
    return app.get(MetricsInitializer)
