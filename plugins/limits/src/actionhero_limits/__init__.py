"""Rate limits and idempotency keys for ActionHero."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actionhero import lazy_names

if TYPE_CHECKING:
    from actionhero_limits.idempotency.middleware import Idempotent as Idempotent
    from actionhero_limits.limit import Limit as Limit
    from actionhero_limits.limits import Limits as Limits
    from actionhero_limits.settings import LimitsSettings as LimitsSettings

__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    {
        ".idempotency.middleware": ["Idempotent"],
        ".limit": ["Limit"],
        ".limits": ["Limits"],
        ".settings": ["LimitsSettings"],
    },
)
