"""How the tables came to be what they are; made by `actionhero db make --label chat NAME`."""

from __future__ import annotations
