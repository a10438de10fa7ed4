"""A database for ActionHero: Tortoise ORM models, transactions, migrations.

`Database`, `Transaction` and `Page` are for authors of actions; `Models` is for authors of plugins.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from actionhero import lazy_names

if TYPE_CHECKING:
    from actionhero_db.database import Database as Database
    from actionhero_db.models import Models as Models
    from actionhero_db.page import Page as Page
    from actionhero_db.page import Pagination as Pagination
    from actionhero_db.settings import DbSettings as DbSettings
    from actionhero_db.transaction import Transaction as Transaction

__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    {
        ".database": ["Database"],
        ".models": ["Models"],
        ".page": ["Page", "Pagination"],
        ".settings": ["DbSettings"],
        ".transaction": ["Transaction"],
    },
)
