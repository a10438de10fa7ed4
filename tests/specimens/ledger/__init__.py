"""A small application with entries in a database, and values in sessions."""
