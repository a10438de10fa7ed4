"""The smallest plugin of ActionHero: one action that greets."""

from __future__ import annotations
