"""`PrivateServer`: a Redis of our own, on a Unix socket, shared by the processes of one folder.

Three locks on files say who is there. The kernel gives them back when a process ends, however it
ends, so that nobody has to be asked whether they are still alive:

| file | held by | tells |
|---|---|---|
| `start.lock` | whoever starts or stops the server, for as long as that takes | one at a time |
| `users.lock` | every process that uses the server, together | the last one out stops it |
| `server.lock` | the server itself, which inherits it | whether it runs |

A server that runs and has no users is what a killed parent left behind.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import shutil
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from actionhero import UnavailableError
from actionhero_redis import server_process

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import IO

logger = logging.getLogger("actionhero.redis")

#: How long a server may take until it answers; one that still reads its data gets more.
START_SECONDS: Final = 10.0
#: How long it may take to read its data.
LOAD_SECONDS: Final = 60.0
#: How long a server may take to end, before it is made to.
STOP_SECONDS: Final = 5.0
#: How long to wait for another process that starts or stops the server.
TURN_SECONDS: Final = 30.0
LOOK_SECONDS: Final = 0.005
#: The longest path of a Unix socket, in bytes, that every system takes.
LONGEST_SOCKET: Final = 100


class PrivateServer:
    """A Redis that ends with the last process that uses it, and keeps its data in a folder.

    All methods block for as long as a server takes; call them in a thread.

    Args:
        program: `redis-server` or `valkey-server`, as a path.
        folder: Where it keeps its data; it is made if it is not there.
    """

    def __init__(self, program: str, folder: Path) -> None:
        self._program = program
        self._folder = folder
        # Threads of one process take turns; processes take turns by `start.lock`.
        self._turn = threading.Lock()
        self._users: IO[bytes] | None = None
        self._closed = False

    @property
    def socket(self) -> Path | None:
        """Where the server listens; `None` before one was started in this folder."""
        with contextlib.suppress(OSError):
            recorded = Path((self._folder / "socket").read_text(encoding="utf-8"))
            # The temporary folder is everyone's: what is not ours there is not to be trusted.
            if recorded.parent.stat().st_uid == os.geteuid():
                return recorded
        return None

    @property
    def joined(self) -> bool:
        """Whether the server is kept for us until we leave it."""
        return self._users is not None

    def start(self) -> None:
        """Join the server of this folder, or start it; one that went away is started again.

        Raises:
            UnavailableError: It does not start, does not answer, or the folder cannot be used.
        """
        with self._turn:
            if self._closed:
                raise UnavailableError("the private redis server is not used any more: we stop")
            try:
                self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                with self._locked():
                    self._join()
            except OSError as error:
                raise UnavailableError(
                    f"folder {str(self._folder)!r} of the private redis server cannot be used: "
                    f"{error.strerror or error}; set ACTIONHERO_APP__DATA_DIR to a folder on a "
                    "local disk that can be written to, or REDIS_URL"
                ) from error

    def stop(self) -> None:
        """Leave the server; the last one out stops it. A second time does nothing."""
        with self._turn:
            self._closed = True
            users, self._users = self._users, None
            if users is None:
                return
            # The folder may be gone by now, and then nobody can wait for anybody.
            with users, contextlib.suppress(FileNotFoundError), self._locked():
                if _lock(users, fcntl.LOCK_EX) and self._is_running():
                    self._shut_down()

    # -- while it is our turn ------------------------------------------------------------------

    def _join(self) -> None:
        users = self._users or (self._folder / "users.lock").open("ab")
        try:
            was_in = self._users is not None
            alone = _lock(users, fcntl.LOCK_EX)
            if self._is_running():
                if alone and not was_in:
                    logger.info("stopping the redis server that a killed process left behind")
                    self._shut_down()
                elif not self._is_listening():
                    # Its socket was swept away, so that nobody can reach it any more.
                    self._shut_down()
            if not self._is_running():
                self._launch()
            self._await_answer()
            # Nobody can have come in between: it is our turn.
            _lock(users, fcntl.LOCK_SH)
        except BaseException:
            users.close()
            self._users = None
            raise
        self._users = users

    def _launch(self) -> None:
        socket = self._place_socket()
        pid_file, log = self._folder / "redis.pid", self._folder / "redis.log"
        pid_file.unlink(missing_ok=True)
        log.write_bytes(b"")
        with (self._folder / "server.lock").open("ab") as lock:
            _lock(lock, fcntl.LOCK_EX)
            started = subprocess.run(  # noqa: S603 - a program that the operator installed
                [
                    self._program,
                    *("--port", "0"),
                    *("--unixsocket", str(socket), "--unixsocketperm", "700"),
                    *("--dir", str(self._folder)),
                    *("--appendonly", "yes", "--appendfsync", "everysec", "--save", ""),
                    *("--maxmemory-policy", "noeviction"),
                    *("--logfile", str(log), "--pidfile", str(pid_file)),
                    # Nobody's child: it may outlive whoever started it, while others use it.
                    *("--daemonize", "yes"),
                ],
                # It holds the lock for as long as it lives.
                pass_fds=[lock.fileno()],
                # Not meant by a Ctrl-C: it ends when calls have been answered.
                start_new_session=True,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                check=False,
            )
        if started.returncode != 0:
            raise self._failed(started.stdout.decode(errors="replace"))
        logger.debug("started %s on %s", self._program, socket)

    def _await_answer(self) -> None:
        begun = time.monotonic()
        while True:
            socket = self.socket
            answer = server_process.ask(socket, b"PING") if socket is not None else None
            if answer is not None and answer.startswith((b"+PONG", b"-NOAUTH")):
                return
            if not self._is_running():
                raise self._failed(self._log())
            is_loading = answer is not None and answer.startswith(b"-LOADING")
            if time.monotonic() - begun > (LOAD_SECONDS if is_loading else START_SECONDS):
                raise UnavailableError(
                    f"the private redis server in {str(self._folder)!r} does not answer; look at "
                    f"{str(self._folder / 'redis.log')!r}, and end the process that is named in "
                    f"{str(self._folder / 'redis.pid')!r}, or set REDIS_URL"
                )
            time.sleep(LOOK_SECONDS)

    def _shut_down(self) -> None:
        """End the server that runs, with all its data on disk."""
        socket = self.socket
        can_ask = socket is not None and server_process.is_listening(socket)
        if socket is not None and can_ask:
            server_process.ask(socket, b"SHUTDOWN")
        if not self._ends_within(STOP_SECONDS if can_ask else 0):
            for end in (server_process.terminate, server_process.kill):
                end(self._folder / "redis.pid", os.path.basename(self._program))
                if self._ends_within(STOP_SECONDS):
                    break
            else:
                raise UnavailableError(
                    f"the private redis server in {str(self._folder)!r} does not end; end the "
                    f"process that is named in {str(self._folder / 'redis.pid')!r}"
                )
        self._remove_socket()

    # -- what is looked at ---------------------------------------------------------------------

    def _is_running(self) -> bool:
        try:
            with (self._folder / "server.lock").open("ab") as lock:
                return not _lock(lock, fcntl.LOCK_EX)
        except FileNotFoundError:
            return False

    def _is_listening(self) -> bool:
        socket = self.socket
        return socket is not None and server_process.is_listening(socket)

    def _ends_within(self, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while self._is_running():
            if time.monotonic() > deadline:
                return False
            time.sleep(LOOK_SECONDS)
        return True

    def _log(self) -> str:
        try:
            return (self._folder / "redis.log").read_text(encoding="utf-8", errors="replace")
        except OSError:
            return ""

    def _failed(self, output: str) -> UnavailableError:
        lines = [line.strip() for line in output.splitlines() if line.strip()]
        reason = lines[-1] if lines else "it said nothing"
        return UnavailableError(
            f"the private redis server ({self._program}) did not start: {reason}; the whole of it "
            f"is in {str(self._folder / 'redis.log')!r}. Mend that, or set REDIS_URL"
        )

    # -- its socket ----------------------------------------------------------------------------

    def _place_socket(self) -> Path:
        """Return where the next server is to listen, recorded for those who join."""
        self._remove_socket()
        socket = self._folder.absolute() / "redis.sock"
        if len(os.fsencode(socket)) > LONGEST_SOCKET:
            socket = Path(tempfile.mkdtemp(prefix="actionhero-redis-")) / "redis.sock"
        record = self._folder / "socket.new"
        record.write_text(str(socket), encoding="utf-8")
        record.replace(self._folder / "socket")
        return socket

    def _remove_socket(self) -> None:
        socket = self.socket
        if socket is None:
            return
        (self._folder / "socket").unlink(missing_ok=True)
        if socket.parent.name.startswith("actionhero-redis-"):
            shutil.rmtree(socket.parent, ignore_errors=True)
        else:
            socket.unlink(missing_ok=True)

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """Hold `start.lock`."""
        deadline = time.monotonic() + TURN_SECONDS
        with (self._folder / "start.lock").open("ab") as lock:
            while not _lock(lock, fcntl.LOCK_EX):
                if time.monotonic() > deadline:
                    raise UnavailableError(
                        f"another process has been starting or stopping the private redis server "
                        f"in {str(self._folder)!r} for {TURN_SECONDS:.0f} s; end it, or set "
                        "REDIS_URL"
                    )
                time.sleep(LOOK_SECONDS)
            yield


def _lock(file: IO[bytes], kind: int) -> bool:
    """Take a lock without waiting; return whether it could be had."""
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
