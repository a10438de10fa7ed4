"""Several worker processes at one address, supervised by gunicorn.

This module needs gunicorn, which the extra `actionhero-web[workers]` installs. Only its arbiter is
used: its configuration files, environment variables and arguments are not read.
"""

from __future__ import annotations

import gc
import logging
import math
import os
import signal
from typing import TYPE_CHECKING, Final

from gunicorn.app.base import BaseApplication  # type: ignore[import-untyped]
from gunicorn.arbiter import Arbiter  # type: ignore[import-untyped]
from gunicorn.errors import HaltServer  # type: ignore[import-untyped]

from actionhero import Application, LifecycleError, Supervisor
from actionhero.transport import EXIT_SOFTWARE, STOP_SIGNALS, exit_now
from actionhero_web.connections.listener import Listener, listen
from actionhero_web.processes.worker_process import GunicornLogger, HttpWorker
from actionhero_web.processes.worker_reports import WorkerReports
from actionhero_web.settings import WebSettings

if TYPE_CHECKING:
    from types import FrameType

logger = logging.getLogger("actionhero.workers")

#: The in-memory file system of Linux, so that heartbeats never wait for a disk.
MEMORY_FOLDER: Final = "/dev/shm"  # noqa: S108
#: How long the event loop of a worker may be blocked before the worker is replaced.
HEARTBEAT_TIMEOUT_SECONDS: Final = 30
#: The time that a worker has to stop after the grace period of its calls.
EXTRA_STOP_SECONDS: Final = 5
#: The number of consecutive failed starts of workers after which the server stops.
MAX_FAILED_STARTS: Final = 3


class Workers(Supervisor):
    """Listens, and runs worker processes; a worker that exits is replaced.

    Args:
        app: The loaded application. Each worker loads its own.
    """

    def __init__(self, app: Application) -> None:
        self._app = app

    def run(self) -> int:
        """Supervise the workers until a stop signal.

        Raises:
            ConfigurationError: The address is in use, or a worker found invalid settings.
            LifecycleError: A worker failed to start or to stop.
        """
        listeners = listen(self._app.get(WebSettings))
        # The garbage collector does not write to frozen objects, so workers share their memory.
        gc.freeze()
        parent_pid = os.getpid()
        gunicorn_app = GunicornApp(self._app, listeners)
        reports = gunicorn_app.reports
        arbiter = WorkerArbiter(gunicorn_app)
        try:
            arbiter.run()
        except SystemExit as exit_request:
            if os.getpid() != parent_pid:
                # A worker, which was forked from this process, exits here.
                raise
            code = exit_request.code
        finally:
            if os.getpid() == parent_pid:
                arbiter.kill_workers(signal.SIGKILL)
                for listener in listeners:
                    listener.close()
                reports.read()
                reports.close()
        if reports.failure is not None:
            raise reports.failure
        if code:
            raise LifecycleError("no worker started, or their supervisor failed; see the log above")
        return 0


class GunicornApp(BaseApplication):  # type: ignore[misc]
    """The application and configuration of gunicorn.

    Args:
        app: The application as the parent has loaded it.
        listeners: The listening sockets.
    """

    def __init__(self, app: Application, listeners: list[Listener]) -> None:
        self.sources = app.sources
        self.listeners = listeners
        self._settings = app.get(WebSettings)
        self._grace_seconds = app.grace_seconds
        #: The reports of workers.
        self.reports = WorkerReports()
        super().__init__()

    def load_config(self) -> None:
        """Override the defaults of gunicorn."""
        options = {
            "workers": self._settings.workers,
            "worker_class": HttpWorker,
            "logger_class": GunicornLogger,
            "timeout": HEARTBEAT_TIMEOUT_SECONDS,
            "graceful_timeout": math.ceil(self._grace_seconds) + EXTRA_STOP_SECONDS,
            "proc_name": "actionhero",
            # Unused, as the sockets exist already; but gunicorn parses it, and the default is
            # derived from PORT.
            "bind": "127.0.0.1:0",
            # The control socket of gunicorn 25 is not needed.
            "control_socket_disable": True,
        }
        if os.access(MEMORY_FOLDER, os.W_OK):
            options["worker_tmp_dir"] = MEMORY_FOLDER
        for name, value in options.items():
            if name in self.cfg.settings:
                self.cfg.set(name, value)
        self.cfg.set("child_exit", _on_exit)


class WorkerArbiter(Arbiter):  # type: ignore[misc]
    """The arbiter of gunicorn, with our sockets, signal handling and shutdown."""

    def __init__(self, gunicorn_app: GunicornApp) -> None:
        self._gunicorn_app = gunicorn_app
        self._stop_requested = False
        self._stopping = False
        #: The number of consecutive failed starts.
        self.failed_starts = 0
        # Inherited from a gunicorn that started this process, they would make us its successor.
        for name in ("GUNICORN_PID", "GUNICORN_FD"):
            os.environ.pop(name, None)
        super().__init__(gunicorn_app)
        self.LISTENERS = [listener.socket for listener in gunicorn_app.listeners]

    def spawn_worker(self) -> int | None:
        # Block signals until the worker has its own handlers: the inherited ones would lose them.
        signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
        try:
            pid: int | None = super().spawn_worker()
            return pid
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)

    def signal(self, sig: int, frame: FrameType | None) -> None:
        if sig in STOP_SIGNALS:
            if self._stop_requested:
                self.kill_workers(signal.SIGKILL)
                for listener in self._gunicorn_app.listeners:
                    listener.close()
                exit_now(sig)
            self._stop_requested = True
        super().signal(sig, frame)

    def handle_term(self) -> None:
        logger.info("stopping on SIGTERM")
        raise StopIteration

    def handle_int(self) -> None:
        # The default of gunicorn interrupts calls.
        logger.info("stopping on SIGINT")
        raise StopIteration

    handle_quit = handle_int

    def handle_hup(self) -> None:
        # The default of gunicorn reloads the application, which this process has imported already.
        logger.info("stopping on SIGHUP")
        raise StopIteration

    def handle_usr2(self) -> None:
        logger.warning("SIGUSR2 is ignored; start the new server in parallel to this one")

    def stop(self, graceful: bool = True) -> None:
        self._stopping = True
        # The workers have the sockets too, and drain their backlog before they close them.
        for listener in self._gunicorn_app.listeners:
            listener.stop_listening()
            listener.close()
        self.LISTENERS = []
        super().stop(graceful)

    def reap_workers(self) -> None:
        try:
            super().reap_workers()
        except HaltServer:
            # A failed start during shutdown must not interrupt the shutdown.
            if not self._stopping:
                raise

    def on_exit(self, worker: HttpWorker) -> None:
        """Handle the exit of a worker.

        Raises:
            HaltServer: Too many consecutive workers failed to start.
        """
        reports = self._gunicorn_app.reports
        reports.read()
        if self._stopping:
            return
        self.failed_starts = 0 if worker.pid in reports.ready else self.failed_starts + 1
        reports.ready.discard(worker.pid)
        if self.failed_starts >= MAX_FAILED_STARTS:
            raise HaltServer(
                f"{MAX_FAILED_STARTS} consecutive workers exited before they were ready",
                EXIT_SOFTWARE,
            )
        # It had started, and its failure to stop is in its log.
        reports.failure = None
        logger.warning("worker %d (process %d) exited; replacing it", worker.age, worker.pid)


def _on_exit(parent: WorkerArbiter, worker: HttpWorker) -> None:
    parent.on_exit(worker)
