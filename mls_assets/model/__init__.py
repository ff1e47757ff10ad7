"""Plain values that all rooms share. No I/O, no SQL, no rule of a source."""
