"""Type checkers know what users write: wrong uses are errors."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

Run = Callable[..., subprocess.CompletedProcess[str]]

#: Where an error is wanted it is told by its rule; a checker that finds none there says so.
WRONG_USES = """
from __future__ import annotations

from actionhero import Call, Inputs
from actionhero.testing import RunningApp

from guestbook.actions.greet import Greet, GreetInputs


class OtherInputs(Inputs):
    number: int


async def use(call: Call, app: RunningApp) -> None:
    await call.run(Greet, OtherInputs(number=1))  # MISC
    await call.run(Greet)  # ARGUMENT
    await call.run(GreetInputs, GreetInputs(name="Ada"))  # ARGUMENT
    await app.connect().run(Greet, OtherInputs(number=1))  # MISC
    greeting = await call.run(Greet, GreetInputs(name="Ada"))
    greeting["greting"]  # KEY
    GreetInputs(nam="Ada")  # CALL
    GreetInputs(name="Ada").nam  # ATTRIBUTE
"""
#: mypy's names for them.
RULES = {
    "MISC": "misc",
    "ARGUMENT": "arg-type",
    "KEY": "typeddict-item",
    "CALL": "call-arg",
    "ATTRIBUTE": "attr-defined",
}


def test_wrong_uses_are_errors_for_mypy(run: Run, application: Path) -> None:
    """Each wrong line is found by its rule, and no other line."""
    text = WRONG_USES
    for mark, rule in RULES.items():
        text = text.replace(f"# {mark}\n", f"# type: ignore[{rule}]\n")
    (application / "guestbook" / "wrong.py").write_text(text)

    checked = run("mypy", "--strict", folder="guestbook")

    assert checked.returncode == 0, checked.stdout


def test_wrong_uses_are_errors_for_pyright(run: Run, application: Path) -> None:
    """Each wrong line is found, and no other line."""
    (application / "guestbook" / "wrong.py").write_text(WRONG_USES)

    checked = run(
        *("basedpyright", "--level", "error", "--pythonpath", sys.executable, "guestbook/wrong.py"),
        folder="guestbook",
    )

    found = {int(line.split(":")[1]) for line in checked.stdout.splitlines() if " - error" in line}
    wanted = {n for n, line in enumerate(WRONG_USES.splitlines(), 1) if "  # " in line}
    assert found == wanted, checked.stdout
