"""The table `actionhero_outbox`."""

from __future__ import annotations

from tortoise import fields, migrations
from tortoise.migrations import operations as ops


class Migration(migrations.Migration):
    """Create the table `actionhero_outbox`."""

    initial = True

    operations = [
        ops.CreateModel(
            name="OutboxRow",
            fields=[
                (
                    "id",
                    fields.CharField(primary_key=True, unique=True, db_index=True, max_length=36),
                ),
                ("topic", fields.CharField(max_length=32)),
                ("key_digest", fields.CharField(null=True, db_index=True, max_length=64)),
                ("body", fields.BinaryField()),
                ("created_ms", fields.BigIntField()),
            ],
            options={
                "table": "actionhero_outbox",
                "app": "actionhero_outbox",
                "pk_attr": "id",
                "table_description": "A message that has not been sent.",
            },
            bases=["Model"],
        ),
    ]
