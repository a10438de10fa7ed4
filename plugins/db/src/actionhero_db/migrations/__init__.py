"""Migrations: changes of the tables, generated from the models, stored in files, run once.

Start with `engine.py`, the interface, then read `tortoise.py`, its default implementation.
"""
