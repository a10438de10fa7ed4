"""The panel Audit: the acts of operators, with their outcomes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from actionhero import Field, Inputs
from actionhero_console.audit import MAX_ENTRIES, MAX_TEXT, PAGE_SIZE
from actionhero_console.builtin.assets import assets_of
from actionhero_console.console import Console
from actionhero_console.facts import browser_facts
from actionhero_console.operators import Role
from actionhero_console.panels import Panel, PanelContext, Read

if TYPE_CHECKING:
    from actionhero import Application


class AuditInputs(Inputs):
    """The page of entries to return."""

    #: The `id` of an entry: only older ones.
    before: str = Field(default="", pattern=r"^$|^[0-9]{1,18}-[0-9]{1,18}$")


def audit_panel(app: Application) -> Panel:
    """Return the panel."""
    reads = {"list": Read(read_entries, role=Role.ADMIN)}
    return Panel(
        "audit", "Audit", order=95, reads=reads, assets=assets_of("audit"), role=Role.ADMIN
    )


async def read_entries(inputs: AuditInputs, context: PanelContext) -> dict[str, Any]:
    """Return a page of entries, the newest first."""
    trail = context.app.get(Console).trail
    entries = await trail.entries(inputs.before, PAGE_SIZE + 1)
    page = entries[:PAGE_SIZE]
    return {
        "entries": [browser_facts(entry, MAX_TEXT) for entry in page],
        "next": page[-1]["id"] if len(entries) > PAGE_SIZE else "",
        "limit": MAX_ENTRIES,
    }
