"""A database for ActionHero: models of Tortoise ORM, transactions, migrations.

`Database`, `Transaction` and `Page` are what an author of actions imports; `Models` is for the
author of a plugin.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from actionhero_db.database import Database as Database
    from actionhero_db.models import Models as Models
    from actionhero_db.page import Page as Page
    from actionhero_db.page import Pagination as Pagination
    from actionhero_db.settings import DbSettings as DbSettings
    from actionhero_db.transaction import Transaction as Transaction

__all__ = ["Database", "DbSettings", "Models", "Page", "Pagination", "Transaction"]

_HOME = {
    "Database": "database",
    "DbSettings": "settings",
    "Models": "models",
    "Page": "page",
    "Pagination": "page",
    "Transaction": "transaction",
}


def __getattr__(name: str) -> Any:
    module = _HOME.get(name)
    if module is None:
        raise AttributeError(f"module 'actionhero_db' has no attribute {name!r}")
    return getattr(importlib.import_module(f"actionhero_db.{module}"), name)
