"""Database operations of the actions, and the serialization of rows. No action is imported here."""

from __future__ import annotations
