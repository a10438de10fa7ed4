"""The table `actionhero_api_keys`, for aerich."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tortoise.backends.base.client import BaseDBAsyncClient

RUN_IN_TRANSACTION = True

_TIMES = {"postgres": "TIMESTAMPTZ", "mysql": "DATETIME(6)"}
_LONG_TEXTS = {"mysql": "LONGTEXT"}
_INDEXES = {
    "user": "idx_actionhero__user_2e3bdf",
    "revoked_at": "idx_actionhero__revoked_7947be",
}


async def upgrade(db: BaseDBAsyncClient) -> str:
    """Return the statements that create the table."""
    dialect = db.capabilities.dialect
    is_mysql = dialect == "mysql"
    quote = "`" if is_mysql else '"'
    time, text = _TIMES.get(dialect, "TIMESTAMP"), _LONG_TEXTS.get(dialect, "TEXT")
    lines = [
        "id VARCHAR(12) NOT NULL PRIMARY KEY",
        "digest VARCHAR(64) NOT NULL",
        "name VARCHAR(200) NOT NULL",
        f"{quote}user{quote} VARCHAR(255) NOT NULL",
        "kind VARCHAR(20) NOT NULL",
        f"scopes {text}",
        f"created_at {time} NOT NULL",
        f"expires_at {time}",
        f"last_used_at {time}",
        f"revoked_at {time}",
    ]
    indexes = [(name, f"{quote}{column}{quote}") for column, name in _INDEXES.items()]
    if is_mysql:
        lines += [f"KEY {name} ({column})" for name, column in indexes]
        indexes = []
    table = (
        "CREATE TABLE IF NOT EXISTS actionhero_api_keys (\n    " + ",\n    ".join(lines) + "\n);"
    )
    return table + "".join(
        f"\nCREATE INDEX IF NOT EXISTS {name} ON actionhero_api_keys ({column});"
        for name, column in indexes
    )


async def downgrade(db: BaseDBAsyncClient) -> str:
    """Return the statement that drops the table."""
    return "DROP TABLE IF EXISTS actionhero_api_keys;"
