"""Declarations of all tables, and how a file gets them."""
