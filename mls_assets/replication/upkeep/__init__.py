"""What keeps the copy in order beside replication: publication, compaction, erasure."""
