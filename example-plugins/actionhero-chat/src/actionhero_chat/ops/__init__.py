"""What is written and read for the actions, and how it is told. No action is known here."""

from __future__ import annotations
