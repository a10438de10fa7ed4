"""Scripts, split into their statements."""

from __future__ import annotations

import sqlite3


def statements_in(sql: str) -> list[str]:
    """Split a script into statements. Semicolons in strings and triggers are handled."""
    statements: list[str] = []
    statement = ""
    for part in sql.split(";"):
        statement += part
        if sqlite3.complete_statement(f"{statement};"):
            statements.append(statement.strip())
            statement = ""
        else:
            statement += ";"
    statements.append(statement.rstrip(";").strip())
    return [statement for statement in statements if statement]
