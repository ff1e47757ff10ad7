"""What a page of a source changes: raw records, cursors, rejects."""
