"""`LimitsInitializer`: prepares the limits for calls."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from actionhero import Initializer
from actionhero_limits.limits import limits_for
from actionhero_limits.settings import LimitsSettings

if TYPE_CHECKING:
    from actionhero import Application

logger = logging.getLogger("actionhero.limits")


class LimitsInitializer(Initializer):
    """Starts after Redis; the limits have no separate connections."""

    name = "limits"
    requires = ("redis",)

    async def initialize(self, app: Application) -> None:
        """Provide `Limits`."""
        limits_for(app).user_key = app.pipeline.user_key

    async def start(self, app: Application) -> None:
        """Warn of counts that other processes do not see."""
        if limits_for(app).enabled and app.get(LimitsSettings).store == "local":
            logger.warning(
                "limits.store is 'local': each process counts calls for itself; set "
                "ACTIONHERO_LIMITS__STORE=redis for limits that all processes share"
            )
