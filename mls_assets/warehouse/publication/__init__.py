"""The readers' file, compaction, and what audits both."""
