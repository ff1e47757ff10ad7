"""What knows that the warehouse is one DuckDB file: engine, connections, locks, copies."""
