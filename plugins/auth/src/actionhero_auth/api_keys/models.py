"""The table of API keys."""

from __future__ import annotations

from tortoise import fields
from tortoise.models import Model


class ApiKeyRow(Model):
    """An API key, without its secret."""

    # The public identifier, which is a part of the key.
    id = fields.CharField(max_length=12, primary_key=True)
    # The SHA-256 digest of the whole key, in hexadecimal digits.
    digest = fields.CharField(max_length=64)
    name = fields.CharField(max_length=200)
    # The user as JSON, so that 7 and "7" are different users.
    user = fields.CharField(max_length=255, db_index=True)
    kind = fields.CharField(max_length=20)
    # The scopes as a list in JSON; NULL: not limited by scopes.
    scopes = fields.TextField(null=True)
    created_at = fields.DatetimeField()
    expires_at = fields.DatetimeField(null=True)
    last_used_at = fields.DatetimeField(null=True)
    revoked_at = fields.DatetimeField(null=True, db_index=True)

    class Meta(Model.Meta):
        """The name of the table."""

        table = "actionhero_api_keys"
