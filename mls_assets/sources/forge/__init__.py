"""Forge (GraphQL, event log) as iterators of pages."""
