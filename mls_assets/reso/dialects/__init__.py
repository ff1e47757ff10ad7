"""What the two sources do each in their own way with a record's fields; pure."""
