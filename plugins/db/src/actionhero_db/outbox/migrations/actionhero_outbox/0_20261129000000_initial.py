"""The table `actionhero_outbox`, for aerich."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tortoise.backends.base.client import BaseDBAsyncClient

RUN_IN_TRANSACTION = True

_BINARY = {"postgres": "BYTEA", "mysql": "LONGBLOB"}


async def upgrade(db: BaseDBAsyncClient) -> str:
    """Return the statements that create the table."""
    dialect = db.capabilities.dialect
    table = """CREATE TABLE IF NOT EXISTS actionhero_outbox (
    id VARCHAR(36) NOT NULL PRIMARY KEY,
    topic VARCHAR(32) NOT NULL,
    key_digest VARCHAR(64),
    body {binary} NOT NULL,
    created_ms BIGINT NOT NULL{index}
);"""
    name = "idx_actionhero__key_dig_2f38ca"
    if dialect == "mysql":
        return table.format(binary=_BINARY[dialect], index=f",\n    KEY {name} (key_digest)")
    return (
        table.format(binary=_BINARY.get(dialect, "BLOB"), index="")
        + f"\nCREATE INDEX IF NOT EXISTS {name} ON actionhero_outbox (key_digest);"
    )


async def downgrade(db: BaseDBAsyncClient) -> str:
    """Return the statement that drops the table."""
    return "DROP TABLE IF EXISTS actionhero_outbox;"
