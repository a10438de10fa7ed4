"""Validation of the limits of an application, at start-up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actionhero import RunMode
from actionhero_limits.limits import limits_for, web_setting
from actionhero_limits.plans import plan_limits
from actionhero_limits.settings import LimitsSettings

if TYPE_CHECKING:
    from actionhero import Application


def validate_limits(app: Application) -> list[str]:
    """Return the errors in the limits of the actions, and in the selected store."""
    limits = limits_for(app)
    errors = plan_limits(app, has_bursts=limits.has_bursts).errors
    workers = int(web_setting(app, "workers", 1))
    is_local = app.get(LimitsSettings).store == "local" and limits.enabled
    if is_local and workers > 1 and app.mode is RunMode.SERVER:
        errors.append(
            f"web.workers is {workers}, and limits.store is 'local', so each worker would allow "
            "the whole limit; set ACTIONHERO_LIMITS__STORE=redis, or ACTIONHERO_WEB__WORKERS=1"
        )
    return errors
