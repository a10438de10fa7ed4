"""The table `actionhero_api_keys`."""

from __future__ import annotations

from tortoise import fields, migrations
from tortoise.migrations import operations as ops


class Migration(migrations.Migration):
    """Create the table `actionhero_api_keys`."""

    initial = True

    operations = [
        ops.CreateModel(
            name="ApiKeyRow",
            fields=[
                (
                    "id",
                    fields.CharField(primary_key=True, unique=True, db_index=True, max_length=12),
                ),
                ("digest", fields.CharField(max_length=64)),
                ("name", fields.CharField(max_length=200)),
                ("user", fields.CharField(db_index=True, max_length=255)),
                ("kind", fields.CharField(max_length=20)),
                ("scopes", fields.TextField(null=True, unique=False)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("expires_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                (
                    "last_used_at",
                    fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
                ),
                (
                    "revoked_at",
                    fields.DatetimeField(
                        null=True, db_index=True, auto_now=False, auto_now_add=False
                    ),
                ),
            ],
            options={
                "table": "actionhero_api_keys",
                "app": "actionhero_auth",
                "pk_attr": "id",
                "table_description": "An API key, without its secret.",
            },
            bases=["Model"],
        ),
    ]
