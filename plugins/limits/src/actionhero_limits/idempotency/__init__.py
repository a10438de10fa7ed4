"""Idempotency keys: a call that is repeated with its key runs once."""
