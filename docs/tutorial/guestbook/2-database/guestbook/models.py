"""The database models of the guest book."""

from __future__ import annotations

from tortoise import fields
from tortoise.models import Model


class Entry(Model):
    """An entry of the guest book."""

    id = fields.IntField(primary_key=True)
    name = fields.CharField(max_length=80)
    text = fields.CharField(max_length=500)
    written_at = fields.DatetimeField(auto_now_add=True, db_index=True)
