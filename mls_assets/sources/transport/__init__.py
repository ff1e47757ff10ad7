"""One hardened HTTP exchange: deadlines, retries, links, error answers, bytes to records."""
