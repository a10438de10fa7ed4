"""Several processes that serve one address, looked after by gunicorn.

This module needs gunicorn, which the extra `actionhero-web[workers]` brings. Of gunicorn only the
process that looks after others is used: no configuration file of it is read, no variable and no
argument.
"""

from __future__ import annotations

import contextlib
import faulthandler
import gc
import json
import logging
import math
import os
import signal
import socket
from typing import TYPE_CHECKING, Any, Final

from gunicorn.app.base import BaseApplication  # type: ignore[import-untyped]
from gunicorn.arbiter import Arbiter  # type: ignore[import-untyped]
from gunicorn.errors import HaltServer  # type: ignore[import-untyped]
from gunicorn.glogging import Logger  # type: ignore[import-untyped]
from gunicorn.workers.base import Worker  # type: ignore[import-untyped]

from actionhero import (
    App,
    Application,
    BootError,
    ConfigurationError,
    LifecycleError,
    RunMode,
    Supervisor,
)
from actionhero.cli import announce, configure_logs
from actionhero.transport import EXIT_SOFTWARE, STOP_SIGNALS, add_facts, exit_now, exit_soon, serve
from actionhero_web.listener import Listener, listen
from actionhero_web.server import WebServer
from actionhero_web.settings import WebSettings

if TYPE_CHECKING:
    from types import FrameType

logger = logging.getLogger("actionhero.workers")

#: Where files are in memory on Linux: a heartbeat never waits for a disk.
MEMORY_FOLDER: Final = "/dev/shm"  # noqa: S108
#: How long a worker's event loop may stand still before the worker is replaced.
SILENT_SECONDS: Final = 30
#: How much longer than its calls a worker may take to stop.
STOP_SECONDS: Final = 5
#: How many workers in a row may end before they serve.
MOST_STILLBORN: Final = 3
#: How many characters of what went wrong a worker tells its parent.
MOST_TOLD: Final = 10_000


class Workers(Supervisor):
    """Listens, and starts processes that accept; one that ends is replaced.

    Args:
        app: The loaded application. Each worker loads one of its own.
    """

    def __init__(self, app: Application) -> None:
        self._app = app

    def run(self) -> int:
        """Look after the workers until told to stop.

        Raises:
            ConfigurationError: The address is in use, or a worker says that settings are wrong.
            LifecycleError: A worker could not start, or not stop.
        """
        listeners = listen(self._app.get(WebSettings))
        # What is there now is shared with all workers for as long as nobody writes to it.
        gc.freeze()
        own_id = os.getpid()
        charge = GunicornApp(self._app, listeners)
        arbiter = WorkerArbiter(charge)
        try:
            arbiter.run()
        except SystemExit as ended:
            if os.getpid() != own_id:
                # A worker, which began as a copy of this process, and ends here.
                raise
            code = ended.code
        finally:
            if os.getpid() == own_id:
                arbiter.kill_workers(signal.SIGKILL)
                for listener in listeners:
                    listener.close()
                charge.read_reports()
                charge.close()
        if charge.failure is not None:
            raise charge.failure
        if code:
            raise LifecycleError("no worker could start, or their parent failed; see the log above")
        return 0


class GunicornApp(BaseApplication):  # type: ignore[misc]
    """What gunicorn is to serve, how, and what workers report to their parent.

    Args:
        app: The application as the parent has loaded it.
        listeners: What is listened on.
    """

    def __init__(self, app: Application, listeners: list[Listener]) -> None:
        self.sources = app.sources
        self.listeners = listeners
        self._settings = app.get(WebSettings)
        self._grace_seconds = app.grace_seconds
        # Datagrams: what several workers tell at once stays apart.
        self._ears, self._mouth = socket.socketpair(type=socket.SOCK_DGRAM)
        self._ears.setblocking(False)
        #: The processes that have served.
        self.ready: set[int] = set()
        #: What a worker failed of.
        self.failure: BootError | None = None
        super().__init__()

    def load_config(self) -> None:
        """Set what we want otherwise than gunicorn does."""
        wanted = {
            "workers": self._settings.workers,
            "worker_class": HttpWorker,
            "logger_class": Log,
            "timeout": SILENT_SECONDS,
            "graceful_timeout": math.ceil(self._grace_seconds) + STOP_SECONDS,
            "proc_name": "actionhero",
            # Not looked at, because there are sockets already; but gunicorn parses it, and its
            # default comes from PORT.
            "bind": "127.0.0.1:0",
            # A second way in that nobody asked for; since gunicorn 25.
            "control_socket_disable": True,
        }
        if os.access(MEMORY_FOLDER, os.W_OK):
            wanted["worker_tmp_dir"] = MEMORY_FOLDER
        for name, value in wanted.items():
            if name in self.cfg.settings:
                self.cfg.set(name, value)
        self.cfg.set("child_exit", _on_exit)

    def report(self, **facts: Any) -> None:
        """Tell the parent something. For workers."""
        with contextlib.suppress(OSError):
            self._mouth.send(json.dumps(facts).encode())

    def read_reports(self) -> None:
        """Take in what workers told. For the parent."""
        while True:
            try:
                facts = json.loads(self._ears.recv(1 << 18))
            except BlockingIOError:
                return
            if "ready" in facts:
                self.ready.add(facts["ready"])
            elif self.failure is None:
                kind = LifecycleError if facts["code"] == EXIT_SOFTWARE else ConfigurationError
                self.failure = kind(facts["failure"])

    def close(self) -> None:
        """Close what reports are taken from."""
        self._ears.close()
        self._mouth.close()


class WorkerArbiter(Arbiter):  # type: ignore[misc]
    """gunicorn's parent of workers, with our sockets and our manners."""

    def __init__(self, charge: GunicornApp) -> None:
        self._charge = charge
        self._told = False
        self._stopping = False
        #: How many workers in a row ended before they served.
        self.stillborn = 0
        # Left behind by a gunicorn that started us, they would make us its successor.
        for name in ("GUNICORN_PID", "GUNICORN_FD"):
            os.environ.pop(name, None)
        super().__init__(charge)
        self.LISTENERS = [listener.socket for listener in charge.listeners]

    def spawn_worker(self) -> int | None:
        # What is sent to a worker before it has handlers of its own would be lost in a copy of
        # ours.
        signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
        try:
            pid: int | None = super().spawn_worker()
            return pid
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)

    def signal(self, sig: int, frame: FrameType | None) -> None:
        if sig in STOP_SIGNALS:
            if self._told:
                self.kill_workers(signal.SIGKILL)
                for listener in self._charge.listeners:
                    listener.close()
                exit_now(sig)
            self._told = True
        super().signal(sig, frame)

    def handle_term(self) -> None:
        logger.info("stopping on SIGTERM")
        raise StopIteration

    def handle_int(self) -> None:
        # gunicorn would interrupt calls.
        logger.info("stopping on SIGINT")
        raise StopIteration

    handle_quit = handle_int

    def handle_hup(self) -> None:
        # gunicorn would load the application anew, but it is imported in this process already.
        logger.info("stopping on SIGHUP")
        raise StopIteration

    def handle_usr2(self) -> None:
        logger.warning("SIGUSR2 is not looked at: start the new server beside this one")

    def stop(self, graceful: bool = True) -> None:
        self._stopping = True
        # The workers hold the sockets too, and serve who is in the queue before they close them.
        for listener in self._charge.listeners:
            listener.turn_away()
            listener.close()
        self.LISTENERS = []
        super().stop(graceful)

    def reap_workers(self) -> None:
        try:
            super().reap_workers()
        except HaltServer:
            # A worker that cannot start any more is no reason to end what ends already.
            if not self._stopping:
                raise

    def on_exit(self, worker: HttpWorker) -> None:
        """Note that a worker ended.

        Raises:
            HaltServer: Too many ended before they served.
        """
        self._charge.read_reports()
        if self._stopping:
            return
        self.stillborn = 0 if worker.pid in self._charge.ready else self.stillborn + 1
        self._charge.ready.discard(worker.pid)
        if self.stillborn >= MOST_STILLBORN:
            raise HaltServer(
                f"{MOST_STILLBORN} workers in a row ended before they served", EXIT_SOFTWARE
            )
        # It served, and failed to stop: its log says how.
        self._charge.failure = None
        logger.warning("worker %d (process %d) has ended; it is replaced", worker.age, worker.pid)


class HttpWorker(Worker):  # type: ignore[misc]
    """One process that serves."""

    def init_signals(self) -> None:
        # A terminal sends these to every process; the parent tells us what they mean.
        for number in (signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2):
            signal.signal(number, signal.SIG_IGN)
        for number in (signal.SIGTERM, signal.SIGQUIT, signal.SIGABRT, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        # SIGABRT is for who hangs: then it is good to know where.
        with contextlib.suppress(ValueError, OSError):
            faulthandler.enable()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)

    def load_wsgi(self) -> None:
        """Do nothing: `run` loads the application."""

    def run(self) -> None:
        charge: GunicornApp = self.app
        # Set by gunicorn before a worker has done anything.
        self.booted = False
        add_facts(worker=self.age, pid=os.getpid())
        try:
            app = App.load(charge.sources, RunMode.SERVER)
            configure_logs(app)
            app.refuse_problems()
            for server in app.servers:
                if isinstance(server, WebServer):
                    server.sockets = list(self.sockets)
            code = serve(app, lambda: self._tell_ready(app), parent=self.ppid, beat=self.notify)
        except BootError as error:
            charge.report(failure=_with_causes(error)[:MOST_TOLD], code=error.exit_code)
            exit_soon(error.exit_code if self.booted else Arbiter.WORKER_BOOT_ERROR)
        exit_soon(code)

    def _tell_ready(self, app: Application) -> None:
        self.booted = True
        self.app.report(ready=os.getpid())
        if self.age == 1:
            announce(app)


class Log(Logger):  # type: ignore[misc]
    """What gunicorn says, in our log: its warnings and errors, and the rest for who debugs."""

    def __init__(self, cfg: Any) -> None:
        # Not gunicorn's own, which would put handlers on loggers.
        self.cfg = cfg
        self.error_log = self.access_log = logger

    def setup(self, cfg: Any) -> None:
        self.cfg = cfg

    def info(self, msg: str, *args: Any, **options: Any) -> None:
        logger.debug(msg, *args, **options)

    def reopen_files(self) -> None:
        """Do nothing: there are none."""

    def close_on_exec(self) -> None:
        """Do nothing: there are no files."""


def _on_exit(parent: WorkerArbiter, worker: HttpWorker) -> None:
    parent.on_exit(worker)


def _with_causes(error: BaseException) -> str:
    lines = [str(error) or type(error).__name__]
    while error.__cause__ is not None:
        error = error.__cause__
        lines.append(f"caused by {type(error).__name__}: {error}")
    return "\n".join(lines)
