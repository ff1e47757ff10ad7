"""What is replicated, and with which tokens: environment variables and the feeds file."""
