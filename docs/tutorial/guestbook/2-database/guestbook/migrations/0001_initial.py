# Written by 'actionhero db make'; edit it as needed.
# ruff: noqa
# fmt: off
from tortoise import migrations
from tortoise.migrations import operations as ops
from tortoise import fields

class Migration(migrations.Migration):
    initial = True

    operations = [
        ops.CreateModel(
            name='Entry',
            fields=[
                ('id', fields.IntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('name', fields.CharField(max_length=80)),
                ('text', fields.CharField(max_length=500)),
                ('written_at', fields.DatetimeField(db_index=True, auto_now=False, auto_now_add=True)),
            ],
            options={'table': 'entry', 'app': 'guestbook', 'pk_attr': 'id', 'table_description': 'An entry of the guest book.'},
            bases=['Model'],
        ),
    ]
