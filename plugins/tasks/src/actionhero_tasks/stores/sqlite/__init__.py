"""The embedded job store, in a SQLite file."""
