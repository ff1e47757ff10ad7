"""The product as it runs in production: the units' own processes, a real daemon, a real browser."""
