"""A small application that keeps entries in a database, and things in sessions."""
