"""`PrivateServer`: a Redis server on a Unix socket, shared by the processes of one data folder.

Four file locks record which processes exist. The kernel releases them when a process ends,
even if it is killed:

| file | held by | meaning |
|---|---|---|
| `start.lock` | the process that is starting or stopping the server | mutual exclusion |
| `users.lock` | every process that uses the server, shared | the last user stops the server |
| `server.lock` | the server itself, which inherits it | the server is running |
| `watcher.lock` | the process of `server_watcher.py` | it watches `users.lock` |

A running server without users was left behind by a process that was killed. The watcher stops it
within seconds; if the watcher was killed too, the next start does.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from actionhero import UnavailableError
from actionhero.transport import FileLock, is_locked
from actionhero_redis import server_process

if TYPE_CHECKING:
    from collections.abc import Iterator

logger = logging.getLogger("actionhero.redis")

#: How long to wait for the first response of a server.
START_TIMEOUT_SECONDS: Final = 10.0
#: How long to wait for it while the server is loading its data.
LOAD_TIMEOUT_SECONDS: Final = 60.0
#: How long to wait for a server to stop, before the next signal is sent.
STOP_TIMEOUT_SECONDS: Final = 5.0
#: How long to wait for another process that starts or stops the server.
LOCK_TIMEOUT_SECONDS: Final = 30.0
POLL_SECONDS: Final = 0.005
#: The longest path of a Unix socket that every system accepts.
MAX_SOCKET_PATH_BYTES: Final = 100


class PrivateServer:
    """A Redis server that stops with the last process that uses it; its data is persistent.

    All methods block until the server has started or stopped; call them in a thread.

    Args:
        program: The path of `redis-server` or `valkey-server`.
        folder: The folder of its data; it is created if it does not exist.
    """

    def __init__(self, program: str, folder: Path) -> None:
        self._program = program
        #: The folder of its data.
        self.folder = folder
        # Between the threads of this process; `start.lock` is between processes.
        self._lock = threading.Lock()
        self._users: FileLock | None = None
        self._closed = False

    @property
    def socket(self) -> Path | None:
        """The socket of the server; `None` before the first start in this folder."""
        with contextlib.suppress(OSError):
            socket = Path((self.folder / "socket").read_text(encoding="utf-8"))
            # Every user can write to the temporary folder, so its owner is checked.
            if socket.parent.stat().st_uid == os.geteuid():
                return socket
        return None

    @property
    def joined(self) -> bool:
        """Whether this process is counted as a user, so that the server continues to run."""
        return self._users is not None

    def start(self) -> None:
        """Join the server of this folder; start it if it is not running.

        Raises:
            UnavailableError: The server does not start or respond, or the folder is not usable.
        """
        with self._lock:
            if self._closed:
                raise UnavailableError("the private redis server is not available during shutdown")
            try:
                self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                with self._locked():
                    self._join()
            except OSError as error:
                raise UnavailableError(
                    f"folder {str(self.folder)!r} of the private redis server cannot be used: "
                    f"{error.strerror or error}; set ACTIONHERO_APP__DATA_DIR to a writable folder "
                    "on a local disk, or set REDIS_URL"
                ) from error

    def stop(self) -> None:
        """Leave the server; the last user stops it. A second call does nothing."""
        with self._lock:
            self._closed = True
            users, self._users = self._users, None
            if users is None:
                return
            try:
                # Without the folder there is no lock to wait for.
                with contextlib.suppress(FileNotFoundError), self._locked():
                    if users.try_lock() and self._is_running():
                        self._shut_down()
            finally:
                users.release()

    # -- while `start.lock` is held ------------------------------------------------------------

    def _join(self) -> None:
        was_joined = self._users is not None
        users = self._users or FileLock(self.folder / "users.lock")
        try:
            is_only_user = users.try_lock()
            if self._is_running():
                if is_only_user and not was_joined:
                    logger.info("stopping the redis server of a process that was killed")
                    self._shut_down()
                elif not self._is_listening():
                    # Its socket file was deleted, so no client can connect any more.
                    self._shut_down()
            if not self._is_running():
                self._launch()
                self._start_watcher()
            self._wait_for_response()
            # No process can have locked it in between: that requires `start.lock`.
            users.try_lock(shared=True)
        except BaseException:
            users.release()
            self._users = None
            raise
        self._users = users

    def _launch(self) -> None:
        socket = self._create_socket_path()
        pid_file, log = self.folder / "redis.pid", self.folder / "redis.log"
        pid_file.unlink(missing_ok=True)
        log.write_bytes(b"")
        lock = FileLock(self.folder / "server.lock")
        lock.try_lock()
        try:
            process = subprocess.run(  # noqa: S603 - a program that the operator installed
                [
                    self._program,
                    *("--port", "0"),
                    *("--unixsocket", str(socket), "--unixsocketperm", "700"),
                    *("--dir", str(self.folder)),
                    *("--appendonly", "yes", "--appendfsync", "everysec", "--save", ""),
                    *("--maxmemory-policy", "noeviction"),
                    *("--logfile", str(log), "--pidfile", str(pid_file)),
                    # It may outlive this process while others use it.
                    *("--daemonize", "yes"),
                ],
                # The server inherits the lock, and holds it until it ends.
                pass_fds=[lock.fileno()],
                # Ctrl-C must not reach it: it stops after the last call has finished.
                start_new_session=True,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                check=False,
            )
        finally:
            lock.release()
        if process.returncode != 0:
            raise self._start_error(process.stdout.decode(errors="replace"))
        logger.debug("started %s on %s", self._program, socket)

    def _start_watcher(self) -> None:
        """Start the process that stops the server when all of its users were killed."""
        program = Path(__file__).with_name("server_watcher.py")
        with contextlib.suppress(OSError):
            # Isolated, so that it starts in the time that Python itself takes. It daemonizes.
            subprocess.run(  # noqa: S603 - this interpreter
                [sys.executable, "-I", "-S", str(program), str(self.folder.absolute())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                check=False,
            )

    def _wait_for_response(self) -> None:
        started = time.monotonic()
        while True:
            socket = self.socket
            response = None if socket is None else server_process.send_command(socket, b"PING")
            if response is not None and response.startswith((b"+PONG", b"-NOAUTH")):
                return
            if not self._is_running():
                raise self._start_error(self._log())
            is_loading = response is not None and response.startswith(b"-LOADING")
            timeout_seconds = LOAD_TIMEOUT_SECONDS if is_loading else START_TIMEOUT_SECONDS
            if time.monotonic() - started > timeout_seconds:
                raise UnavailableError(
                    f"the private redis server in {str(self.folder)!r} does not respond; see "
                    f"{str(self.folder / 'redis.log')!r}, end the process whose id is in "
                    f"{str(self.folder / 'redis.pid')!r}, or set REDIS_URL"
                )
            time.sleep(POLL_SECONDS)

    def _shut_down(self) -> None:
        """Stop the running server after it has written its data."""
        socket = self.socket
        accepts_commands = socket is not None and server_process.is_listening(socket)
        if socket is not None and accepts_commands:
            server_process.send_command(socket, b"SHUTDOWN")
        if not self._stops_within(STOP_TIMEOUT_SECONDS if accepts_commands else 0):
            for send_signal in (server_process.terminate, server_process.kill):
                send_signal(self.folder / "redis.pid", os.path.basename(self._program))
                if self._stops_within(STOP_TIMEOUT_SECONDS):
                    break
            else:
                raise UnavailableError(
                    f"the private redis server in {str(self.folder)!r} does not stop; end the "
                    f"process whose id is in {str(self.folder / 'redis.pid')!r}"
                )
        self._remove_socket()

    # -- state of the server -------------------------------------------------------------------

    def _is_running(self) -> bool:
        return is_locked(self.folder / "server.lock")

    def _is_listening(self) -> bool:
        socket = self.socket
        return socket is not None and server_process.is_listening(socket)

    def _stops_within(self, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while self._is_running():
            if time.monotonic() > deadline:
                return False
            time.sleep(POLL_SECONDS)
        return True

    def _log(self) -> str:
        try:
            return (self.folder / "redis.log").read_text(encoding="utf-8", errors="replace")
        except OSError:
            return ""

    def _start_error(self, output: str) -> UnavailableError:
        lines = [line.strip() for line in output.splitlines() if line.strip()]
        reason = lines[-1] if lines else "no output"
        return UnavailableError(
            f"the private redis server ({self._program}) did not start: {reason}; the full log is "
            f"{str(self.folder / 'redis.log')!r}. Fix the cause, or set REDIS_URL"
        )

    # -- files ---------------------------------------------------------------------------------

    def _create_socket_path(self) -> Path:
        """Return the path of the next server's socket, recorded for the processes that join."""
        self._remove_socket()
        socket = self.folder.absolute() / "redis.sock"
        if len(os.fsencode(socket)) > MAX_SOCKET_PATH_BYTES:
            socket = Path(tempfile.mkdtemp(prefix="actionhero-redis-")) / "redis.sock"
        new = self.folder / "socket.new"
        new.write_text(str(socket), encoding="utf-8")
        new.replace(self.folder / "socket")
        return socket

    def _remove_socket(self) -> None:
        socket = self.socket
        if socket is None:
            return
        (self.folder / "socket").unlink(missing_ok=True)
        if socket.parent.name.startswith("actionhero-redis-"):
            shutil.rmtree(socket.parent, ignore_errors=True)
        else:
            socket.unlink(missing_ok=True)

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """Hold `start.lock`."""
        lock = FileLock(self.folder / "start.lock")
        if not lock.wait(LOCK_TIMEOUT_SECONDS):
            raise UnavailableError(
                "another process has been starting or stopping the private redis server in "
                f"{str(self.folder)!r} for {LOCK_TIMEOUT_SECONDS:.0f} s; end it, or set REDIS_URL"
            )
        try:
            yield
        finally:
            lock.release()
