"""Replication of licensed MLS listings into DuckDB as Dagster assets, with proof of removals."""
