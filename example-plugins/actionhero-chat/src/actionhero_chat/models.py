"""The database models: users and messages."""

from __future__ import annotations

from tortoise import fields
from tortoise.models import Model


class User(Model):
    """A registered user."""

    id = fields.IntField(primary_key=True)
    name = fields.CharField(max_length=256)
    #: Stored in lower case, so that uniqueness ignores case.
    email = fields.CharField(max_length=320, unique=True)
    password_hash = fields.CharField(max_length=255)
    created_at = fields.DatetimeField(auto_now_add=True)
    updated_at = fields.DatetimeField(auto_now_add=True)

    class Meta:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Table options."""

        table = "users"


class Message(Model):
    """A message from a user to all users."""

    id = fields.IntField(primary_key=True)
    body = fields.TextField()
    user: fields.ForeignKeyRelation[User] = fields.ForeignKeyField(
        "chat.User", related_name="messages", db_index=True
    )
    user_id: int
    created_at = fields.DatetimeField(auto_now_add=True, db_index=True)
    updated_at = fields.DatetimeField(auto_now_add=True)

    class Meta:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Table options."""

        table = "messages"
