"""Models with fields that their tables do not have yet."""

from __future__ import annotations

import importlib
from typing import Any

import pytest
from tortoise.exceptions import OperationalError
from tortoise.transactions import in_transaction

MODELS = """
class Note(Model):
    id = fields.IntField(primary_key=True)
    text = fields.CharField(max_length=20)
"""
WITH_RANK = MODELS + "    rank = fields.CharField(max_length=20, null=True)\n"


@pytest.mark.parametrize("transaction", [False, True], ids=["alone", "in a transaction"])
async def test_a_missing_column_is_an_error_of_the_query(notebook: Any, transaction: bool) -> None:
    """SQLite would take its name for a text: all rows would have this value."""
    await notebook.make(MODELS, "initial")
    await notebook.migrate()
    await notebook.run("INSERT INTO note (text) VALUES ('kept')")
    notebook.write(WITH_RANK)
    database = notebook.database()
    model = importlib.import_module(notebook.models.modules[0]).Note
    queries = [
        lambda: model.all().values(),
        lambda: model.filter(rank="rank").count(),
        lambda: model.exclude(rank="best").delete(),
        lambda: model.all().order_by("rank").values("id"),
    ]

    async def run(query: Any) -> object:
        if not transaction:
            return await query()
        async with in_transaction():
            return await query()

    async with database.activated():
        for query in queries:
            with pytest.raises(OperationalError, match="rank"):
                await run(query)

    assert await notebook.count("note") == 1
