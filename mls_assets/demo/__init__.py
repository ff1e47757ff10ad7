"""The demonstration, `make dev` and a checkout's set-up; production needs none of it."""
