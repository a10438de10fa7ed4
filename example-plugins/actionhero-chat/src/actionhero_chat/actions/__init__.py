"""What can be called. Each module has one noun."""

from __future__ import annotations
