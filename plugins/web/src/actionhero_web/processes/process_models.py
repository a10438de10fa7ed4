"""The process models of the server: several workers, or one process that is reloaded."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from actionhero import ConfigurationError
from actionhero_web.settings import WebSettings

if TYPE_CHECKING:
    from actionhero import Application, Supervisor

#: The environment variable of a reloaded server process: the comma-separated descriptors of the
#: listening sockets of its parent.
SOCKETS_VARIABLE: Final = "_ACTIONHERO_WEB_SOCKETS"


def is_reloaded_process() -> bool:
    """Return whether a `Reloader` has started this process."""
    return SOCKETS_VARIABLE in os.environ


def supervisor_for(app: Application) -> Supervisor | None:
    """Return the supervisor for the settings; `None` if this process serves alone.

    Raises:
        ConfigurationError: The extra for it is not installed.
    """
    settings = app.get(WebSettings)
    if settings.reload:
        return _reloader(app)
    if settings.workers > 1:
        return _workers(app, settings.workers)
    return None


def _reloader(app: Application) -> Supervisor:
    try:
        from actionhero_web.processes.reload import ReloadedServer, Reloader
    except ModuleNotFoundError as error:
        if error.name != "watchfiles":
            raise
        raise ConfigurationError(
            "web.reload (--reload) needs watchfiles, which is not installed; "
            "install actionhero-web[reload], or disable web.reload"
        ) from error
    return ReloadedServer(app) if is_reloaded_process() else Reloader(app)


def _workers(app: Application, count: int) -> Supervisor:
    try:
        from actionhero_web.processes.workers import Workers
    except ModuleNotFoundError as error:
        # gunicorn needs `fcntl`, which does not exist on Windows.
        if error.name not in {"gunicorn", "fcntl"}:
            raise
        raise ConfigurationError(
            f"web.workers (--workers) is {count}, and more than one needs gunicorn, which is not "
            "installed; install actionhero-web[workers] (not available on Windows), or set it to 1"
        ) from error
    return Workers(app)
