"""API keys: their format, their rows in the database, and their revocation in all processes."""
