"""The checks of `actionhero doctor` for limits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actionhero.transport import Diagnosis, Finding
from actionhero_limits.limits import web_setting
from actionhero_limits.settings import LimitsSettings

if TYPE_CHECKING:
    from actionhero import Application


def diagnose(app: Application, *, deploy: bool) -> list[Diagnosis]:
    """Return, for production, whether several processes count calls separately."""
    settings = app.get(LimitsSettings)
    if not deploy or settings.enabled is False or settings.store != "local":
        return []
    workers = int(web_setting(app, "workers", 1))
    if workers == 1:
        message = "calls are counted by this process; use redis for several processes or machines"
        return [Diagnosis("limits.store", Finding.OK, message)]
    message = (
        f"is local, and each of the {workers} processes counts on its own, so clients can make "
        f"up to {workers} times as many calls; set it to redis, or web.workers to 1"
    )
    return [Diagnosis("limits.store", Finding.WARNING, message)]
