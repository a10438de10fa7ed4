"""Renames and deletions are decided by the author, and deletions are listed."""

from __future__ import annotations

from typing import Any

import pytest

from actionhero import ConfigurationError
from actionhero_db.migrations.decisions import Decisions
from actionhero_db.migrations.errors import MigrationRefused

MODELS = """
class Account(Model):
    id = fields.IntField(primary_key=True)
    name = fields.CharField(max_length=20)
    hint = fields.CharField(max_length=20, null=True)
    price = fields.DecimalField(max_digits=8, decimal_places=4, null=True)
"""
RENAMED = MODELS.replace("hint =", "nickname =")
#: The name and an option changed at once.
CHANGED = MODELS.replace(
    "hint = fields.CharField(max_length=20", "nick = fields.CharField(max_length=30"
)
REMOVED = MODELS.replace("    hint = fields.CharField(max_length=20, null=True)\n", "")
OTHER_MODEL = MODELS.replace("class Account", "class Customer")
TABLE = "(column 'hint' of table 'account')"


async def begin(notebook: Any) -> None:
    """Create the first version, with a row."""
    await notebook.make(MODELS, "initial")
    await notebook.migrate()
    await notebook.run("INSERT INTO account (name, hint, price) VALUES ('Ada', 'secret', 1.2345)")


@pytest.mark.parametrize(
    ("models", "message"),
    [
        (
            RENAMED,
            "notes.Account.hint is gone from the models, and nickname new: --rename "
            "Account.hint:nickname to keep its values, or --drop Account.hint to delete its values",
        ),
        (
            REMOVED,
            "notes.Account.hint is gone from the models: --drop Account.hint to delete its values",
        ),
        (
            OTHER_MODEL,
            "notes.Account is gone from the models, and Customer new: --rename Account:Customer to "
            "keep its rows, or --drop Account to delete its rows",
        ),
    ],
    ids=["a field of the same type", "no new field", "a similar model"],
)
async def test_an_undecided_deletion_is_refused(notebook: Any, models: str, message: str) -> None:
    """The message contains the options that decide it."""
    await begin(notebook)

    with pytest.raises(MigrationRefused) as raised:
        await notebook.make(models, "change")

    assert str(raised.value) == (
        f"{message}; repeat the command with these options, or run it in a terminal, where it asks"
    )
    assert len(list(notebook.migrations.glob("0*.py"))) == 1


@pytest.mark.parametrize("models", [RENAMED, CHANGED], ids=["the name", "the name and an option"])
async def test_a_renamed_field_keeps_its_values(notebook: Any, models: str) -> None:
    """Also with another option, which alone looks like a new field."""
    await begin(notebook)
    name = "nickname" if models == RENAMED else "nick"

    await notebook.make(models, "change", f"Account.hint:{name}")
    await notebook.migrate()

    assert await notebook.run(f"SELECT {name} FROM account") == [{name: "secret"}]


async def test_a_dropped_field_gives_no_values_to_a_new_one(notebook: Any) -> None:
    """The values of the old field are gone, and the new one is empty."""
    await begin(notebook)

    text = await notebook.make(RENAMED, "change", "Account.hint")
    lines = await notebook.migrate()

    assert f"# It deletes the values of notes.Account.hint {TABLE}." in text
    assert f"notes.0002_change: deletes the values of notes.Account.hint {TABLE}" in lines
    assert lines[-1] == "notes.0002_change: done"
    assert await notebook.run("SELECT nickname FROM account") == [{"nickname": None}]


async def test_a_renamed_model_keeps_its_rows(notebook: Any) -> None:
    """Its table has the new name, and a rollback restores the old one."""
    await begin(notebook)

    await notebook.make(OTHER_MODEL, "change", "Account:Customer")
    await notebook.migrate()
    assert await notebook.run("SELECT hint FROM customer") == [{"hint": "secret"}]
    await notebook.rollback()

    assert await notebook.run("SELECT hint FROM account") == [{"hint": "secret"}]


async def test_answers_decide_in_a_terminal(notebook: Any) -> None:
    """Each question is about one field, and the migration is confirmed at the end."""
    await begin(notebook)
    questions: list[str] = []
    confirmed: list[list[str]] = []
    notebook.write(RENAMED)

    def ask(question: str) -> bool:
        questions.append(question)
        return False

    def confirm(phrases: list[str]) -> bool:
        confirmed.append(phrases)
        return False

    with pytest.raises(MigrationRefused, match="no migration was written"):
        await notebook.engine().make("notes", "change", Decisions(ask=ask, confirm=confirm))
    accepted = Decisions(ask=lambda _: True, confirm=confirm)
    path = await notebook.engine().make("notes", "change", accepted)
    await notebook.migrate()

    assert path is not None
    assert questions == [
        "Was notes.Account.hint renamed to nickname? Its values are kept then, and deleted "
        "otherwise."
    ]
    assert confirmed == [[f"deletes the values of notes.Account.hint {TABLE}"]]
    assert await notebook.run("SELECT nickname FROM account") == [{"nickname": "secret"}]


async def test_destructive_steps_are_listed_before_they_run(notebook: Any) -> None:
    """By the status, by the migration, and by a rollback."""
    await begin(notebook)
    models = REMOVED.replace("decimal_places=4", "decimal_places=2").replace(
        "    name", "    born = fields.DateField(null=True)\n    name"
    )
    notes: list[str] = []
    notebook.write(models)
    decisions = Decisions(drops={"Account.hint"})

    await notebook.engine().make("notes", "change", decisions, notes.append)
    pending = await notebook.engine().destructive()
    forward = await notebook.migrate()
    backward = await notebook.rollback()

    phrases = [
        f"deletes the values of notes.Account.hint {TABLE}",
        "rounds the values of notes.Account.price from 4 to 2 decimal places",
    ]
    assert notes == [f"the migration {phrase}" for phrase in phrases]
    assert pending == forward[:2] == [f"notes.0002_change: {phrase}" for phrase in phrases]
    assert backward[0] == (
        "notes.0002_change: deletes the values of notes.Account.born (column 'born' of table "
        "'account')"
    )
    assert await notebook.engine().destructive() == pending


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["Account.name"], "notes.Account.name is not gone from the models"),
        (["Account.hint:name"], "and name is no new one that it may have become"),
        (["Account.hint:price"], "(available: nickname)"),
    ],
)
async def test_options_for_other_fields_are_refused(
    notebook: Any, options: list[str], message: str
) -> None:
    """A mistake in an option is no permission to delete another field."""
    await begin(notebook)

    with pytest.raises(MigrationRefused) as raised:
        await notebook.make(RENAMED, "change", "Account.hint:nickname", *options)

    assert message in str(raised.value)


async def test_a_wrong_option_is_named_beside_a_missing_one(notebook: Any) -> None:
    """Both are named at once, so that the next run succeeds."""
    await begin(notebook)
    notebook.write(RENAMED)

    with pytest.raises(MigrationRefused) as raised:
        await notebook.engine().make("notes", "change", Decisions(drops={"Account.nope"}))

    assert "notes.Account.nope is not gone from the models" in str(raised.value)
    assert "--drop Account.hint to delete its values" in str(raised.value)


@pytest.mark.parametrize("text", ["hint", "Account.hint:", "Account.hint:a.b", ":x", "a.b.c:d"])
def test_a_malformed_rename_is_refused(text: str) -> None:
    """The message contains the form."""
    with pytest.raises(ConfigurationError, match=r"is not in the form Model\.old:new for a field"):
        Decisions.parse([text], [])


def test_a_malformed_drop_is_refused() -> None:
    """The message contains the form."""
    with pytest.raises(ConfigurationError, match=r"is not in the form Model\.field, or Model"):
        Decisions.parse([], ["Account.hint.x"])
