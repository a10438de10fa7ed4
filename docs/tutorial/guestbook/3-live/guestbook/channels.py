"""What can be followed."""

from __future__ import annotations

from actionhero_channels import Channel


class Entries(Channel):
    """Every entry, as it is written."""

    name = "entries"
    history = 100
