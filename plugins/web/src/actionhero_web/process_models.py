"""Parents of processes that serve: several workers, or one that starts again on a change."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actionhero import ConfigurationError
from actionhero_web.settings import WebSettings

if TYPE_CHECKING:
    from actionhero import Application, Supervisor


def supervisor_for(app: Application) -> Supervisor | None:
    """Return the parent that the settings ask for, or `None`.

    Raises:
        ConfigurationError: The extra that it needs is not installed.
    """
    settings = app.get(WebSettings)
    if settings.reload:
        return _reloader(app)
    if settings.workers > 1:
        return _workers(app, settings.workers)
    return None


def _reloader(app: Application) -> Supervisor:
    try:
        from actionhero_web.reload import ReloadedServer, Reloader
    except ModuleNotFoundError as error:
        if error.name != "watchfiles":
            raise
        raise ConfigurationError(
            "web.reload (--reload) needs watchfiles, which is not installed; "
            "install actionhero-web[reload], or leave it out"
        ) from error
    return ReloadedServer(app) if ReloadedServer.is_wanted() else Reloader(app)


def _workers(app: Application, count: int) -> Supervisor:
    try:
        from actionhero_web.workers import Workers
    except ModuleNotFoundError as error:
        # `fcntl` is what gunicorn misses on Windows.
        if error.name not in {"gunicorn", "fcntl"}:
            raise
        raise ConfigurationError(
            f"web.workers (--workers) is {count}, and more than one needs gunicorn, which is not "
            "installed; install actionhero-web[workers] (there is none for Windows), or set it to 1"
        ) from error
    return Workers(app)
