"""A market moved at random against the real passes: what holds whatever happens in what order."""
