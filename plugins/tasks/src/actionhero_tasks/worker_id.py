"""The worker id: the unique name of one run of a worker process."""

from __future__ import annotations

import os
import socket
from typing import Final

from actionhero.transport import new_identifier

#: The variable by which a supervisor passes its worker process an id.
WORKER_ID_VARIABLE: Final = "_ACTIONHERO_TASKS_WORKER_ID"


def new_worker_id() -> str:
    """Return a unique worker id, which contains the host name and the process id."""
    host = "".join(c if c.isalnum() or c in "-." else "-" for c in socket.gethostname())[:64]
    return f"{host}-{os.getpid()}-{new_identifier()[-12:]}"
