"""All that takes data out: the ledger, erasure, hiding."""
