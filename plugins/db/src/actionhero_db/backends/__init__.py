"""Tortoise's drivers, with limits on waiting, and with nothing left behind by a cancellation."""
