"""The listening sockets that a server process inherits from the parent that reloads it."""

from __future__ import annotations

import os
from typing import Final

#: The environment variable of such a process: the comma-separated descriptors of the sockets.
SOCKETS_VARIABLE: Final = "_ACTIONHERO_WEB_SOCKETS"


def has_inherited_sockets() -> bool:
    """Return whether a parent that reloads its server has started this process."""
    return SOCKETS_VARIABLE in os.environ
