"""The process models of the server: several workers, or one process that is reloaded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actionhero import ConfigurationError
from actionhero_web.connections.inherited_sockets import has_inherited_sockets
from actionhero_web.settings import WebSettings

if TYPE_CHECKING:
    from actionhero import Application, Supervisor


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
    return ReloadedServer(app) if has_inherited_sockets() else Reloader(app)


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
