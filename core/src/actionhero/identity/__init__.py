"""The identity of a caller: its session, its credentials, and its principal."""
