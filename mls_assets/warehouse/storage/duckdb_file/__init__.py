"""A warehouse that is one DuckDB file: who may open it when, its engine, its rewriting."""
