"""The channels of the guest book."""

from __future__ import annotations

from actionhero_channels import Channel


class Entries(Channel):
    """New entries."""

    name = "entries"
    history = 100
