"""Renames and deletions in aerich's migrations: decided, where aerich guesses."""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING, Any, Final
from unittest import mock

from aerich.migrate import Migrate

from actionhero_db.migrations.errors import MigrationRefused

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from actionhero_db.migrations.decisions import Decisions

#: aerich's question about a rename.
_QUESTION = re.compile(r"\((?P<model>[^)]+)\) Rename (?P<old>\w+) to (?P<new>\w+)\?")
#: The name of a table or column, with its schema.
_PART: Final = r"""(?: "[^"]*" | `[^`]*` | \[[^\]]*\] | [\w$]+ )"""
_NAME: Final = rf"(?: {_PART} (?: \s* \. \s* {_PART} )* )"
_FLAGS: Final = re.VERBOSE | re.IGNORECASE
#: A statement that deletes values, of aerich or written by hand, or may do so.
_DROP: Final = re.compile(
    rf"""
    \b DROP \s+ TABLE \s+ (?: IF \s+ EXISTS \s+ )?
       (?P<dropped> {_NAME} (?: \s* , \s* {_NAME} )* )
    | \b ALTER \s+ TABLE \s+ (?: IF \s+ EXISTS \s+ )? (?: ONLY \s+ )?
         (?P<table> {_NAME} ) \s+ (?P<actions> [^;]* )
    """,
    _FLAGS,
)
_TABLE: Final = re.compile(_NAME, _FLAGS)
#: A dropped column. The word COLUMN is optional, as INDEX and the like are not.
_COLUMN: Final = re.compile(
    rf"""
    (?: \A | , ) \s* DROP \s+
    (?: COLUMN \s+
      | (?! (?: CHECK | COLUMN | CONSTRAINT | FOREIGN | INDEX | KEY | PARTITION | PRIMARY ) \s+
            (?! (?: CASCADE | RESTRICT ) \b ) [\w"`\[] ) )
    (?: IF \s+ EXISTS \s+ )? (?P<column> {_NAME} )
    """,
    _FLAGS,
)
#: A statement that only adds something, after comments.
_ADDITION: Final = re.compile(
    rf"""
    (?: \s | -- [^\n]* | /\* .*? (?: \*/ | \Z ) )*+
    (?: \Z | CREATE \b | ALTER \s+ TABLE \s+ {_NAME} \s+ ADD \b )
    """,
    _FLAGS | re.DOTALL,
)
_QUOTES: Final = str.maketrans("", "", '"`[]')

_Models = dict[str, dict[str, Any]]


def decide(label: str, old: _Models, new: _Models, decisions: Decisions) -> dict[str, str]:
    """Return the new name of each renamed field, as `notes.Note.text`.

    Args:
        label: The label of the models.
        old: aerich's descriptions of the models in the newest migration.
        new: Those of the models of the application.
        decisions: Renames, and permissions to delete values.

    Raises:
        MigrationRefused: A decision is missing.
    """
    renames = {}
    tables = {model["table"] for model in new.values()}
    for name, model in old.items():
        short = name.partition(".")[2]
        if name not in new:
            # A model with the same table was renamed, which changes nothing in the database.
            if model["table"] not in tables:
                decisions.new_name(short, label, [])
            continue
        before, after = _fields(model), _fields(new[name])
        added = sorted(after.keys() - before.keys())
        for field in sorted(before.keys() - after.keys()):
            candidates = [other for other in added if after[other] == before[field]]
            renamed = decisions.new_name(f"{short}.{field}", label, candidates)
            if renamed is not None:
                added.remove(renamed)
                renames[f"{name}.{field}"] = renamed
    decisions.check(label)
    return renames


@contextlib.contextmanager
def answers(renames: dict[str, str]) -> Iterator[None]:
    """Answer aerich's questions for a block.

    Raises:
        MigrationRefused: aerich takes one of the renames for a new field.
    """
    made = set()

    def answer(_function: Any, question: str) -> bool:
        match = _QUESTION.search(question)
        if match is None:
            return False
        place = f"{match['model']}.{match['old']}"
        if renames.get(place) != match["new"]:
            return False
        made.add(place)
        return True

    with mock.patch("aerich.migrate.run_async", answer):
        yield
    if missing := renames.keys() - made:
        place = min(missing)
        raise MigrationRefused(
            f"aerich does not rename {place} to {renames[place]}: only the name may change in one "
            "migration; change the other options in the next one"
        )


def previous_models() -> _Models:
    """Return aerich's descriptions of the models in the newest migration."""
    return dict(Migrate._last_version_content or {})


def drops(statements: Iterable[str]) -> list[str]:
    """Return a phrase for each table and column that statements delete."""
    return [
        phrase
        for statement in statements
        for match in _DROP.finditer(statement)
        for phrase in _phrases(match)
    ]


def _phrases(drop: re.Match[str]) -> Iterator[str]:
    for table in _TABLE.findall(drop["dropped"] or ""):
        yield f"deletes the rows of table {_unquoted(table)!r}"
    for column in _COLUMN.finditer(drop["actions"] or ""):
        name, table = _unquoted(column["column"]), _unquoted(drop["table"])
        yield f"deletes the values of column {name!r} of table {table!r}"


def may_damage(statement: str) -> bool:
    """Return whether a statement for SQLite may delete or change values."""
    return not _ADDITION.match(statement)


def _unquoted(name: str) -> str:
    return name.translate(_QUOTES)


def _fields(model: dict[str, Any]) -> dict[str, Any]:
    """Return the type of each field."""
    relations = [*model["fk_fields"], *model["o2o_fields"], *model["m2m_fields"]]
    keys = {field.get("raw_field") for field in relations}
    fields = [
        field
        for field in [model["pk_field"], *model["data_fields"], *relations]
        if field["name"] not in keys
    ]
    return {field["name"]: (field["field_type"], field["python_type"]) for field in fields}
