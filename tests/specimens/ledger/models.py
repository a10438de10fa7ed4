"""The model of entries."""

from __future__ import annotations

from tortoise import fields
from tortoise.models import Model


class Entry(Model):
    """An entry of the ledger."""

    id = fields.IntField(primary_key=True)
    text = fields.CharField(max_length=100, unique=True)
    number = fields.IntField(default=0)
