"""A database for ActionHero: Tortoise ORM models, transactions, migrations.

`Database`, `Transaction`, `Page`, `CursorPage` and `fetch_rows` are for authors of actions;
`Models` is for authors of plugins.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from actionhero import lazy_names

if TYPE_CHECKING:
    from actionhero_db.cursor_page import CursorPage as CursorPage
    from actionhero_db.cursor_page import CursorPagination as CursorPagination
    from actionhero_db.database import Database as Database
    from actionhero_db.models import Models as Models
    from actionhero_db.page import Page as Page
    from actionhero_db.page import Pagination as Pagination
    from actionhero_db.rows import Column as Column
    from actionhero_db.rows import fetch_rows as fetch_rows
    from actionhero_db.settings import DbSettings as DbSettings
    from actionhero_db.transaction import Transaction as Transaction

__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    {
        ".cursor_page": ["CursorPage", "CursorPagination"],
        ".database": ["Database"],
        ".models": ["Models"],
        ".page": ["Page", "Pagination"],
        ".rows": ["Column", "fetch_rows"],
        ".settings": ["DbSettings"],
        ".transaction": ["Transaction"],
    },
)
