"""The folders of the scripts of the panels."""

from __future__ import annotations

from pathlib import Path


def assets_of(panel: str) -> Path:
    """Return the folder of a panel."""
    return Path(__file__).parents[1] / "assets" / "panels" / panel
