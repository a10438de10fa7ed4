"""The table of the outbox."""

from __future__ import annotations

from tortoise import fields
from tortoise.models import Model


class OutboxRow(Model):
    """A message that has not been sent.

    Rows are read and written by the statements of `actionhero_db.outbox.statements`.
    """

    # A UUIDv7, so that rows are stored by their time of creation.
    id = fields.CharField(max_length=36, primary_key=True)
    topic = fields.CharField(max_length=32)
    # The SHA-256 digest of the deduplication key.
    key_digest = fields.CharField(max_length=64, null=True, db_index=True)
    body = fields.BinaryField()
    # Milliseconds since the epoch, by the clock of the database.
    created_ms = fields.BigIntField()

    class Meta(Model.Meta):
        """The name of the table."""

        table = "actionhero_outbox"
