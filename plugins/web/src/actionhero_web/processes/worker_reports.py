"""The reports of worker processes to their parent."""

from __future__ import annotations

import contextlib
import json
import socket
from typing import TYPE_CHECKING, Any, Final

from actionhero import ConfigurationError, LifecycleError
from actionhero.transport import EXIT_SOFTWARE

if TYPE_CHECKING:
    from actionhero import BootError

#: The maximum length of a message that a worker reports.
MAX_REPORT_CHARACTERS: Final = 10_000


class WorkerReports:
    """The reports of the workers of one parent process, which creates it before it forks."""

    def __init__(self) -> None:
        # Datagrams keep concurrent reports of several workers separate.
        self._reader, self._writer = socket.socketpair(type=socket.SOCK_DGRAM)
        self._reader.setblocking(False)
        #: The process ids of the workers that have started.
        self.ready: set[int] = set()
        #: The error of the first worker that failed.
        self.failure: BootError | None = None

    def send_ready(self, pid: int) -> None:
        """Report that a worker has started."""
        self._send(ready=pid)

    def send_failure(self, error: BootError) -> None:
        """Report that a worker failed."""
        failure = "\n".join([str(error) or type(error).__name__, *error.causes()])
        self._send(failure=failure[:MAX_REPORT_CHARACTERS], code=error.exit_code)

    def _send(self, **facts: Any) -> None:
        with contextlib.suppress(OSError):
            self._writer.send(json.dumps(facts).encode())

    def read(self) -> None:
        """Process the reports of workers. Called by the parent."""
        while True:
            try:
                facts = json.loads(self._reader.recv(1 << 18))
            except BlockingIOError:
                return
            if "ready" in facts:
                self.ready.add(facts["ready"])
            elif self.failure is None:
                is_lifecycle_error = facts["code"] == EXIT_SOFTWARE
                error_class = LifecycleError if is_lifecycle_error else ConfigurationError
                self.failure = error_class(facts["failure"])

    def close(self) -> None:
        """Close the sockets."""
        self._reader.close()
        self._writer.close()
