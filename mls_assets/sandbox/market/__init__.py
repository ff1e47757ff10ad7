"""What happened to the world since the sandbox started, and the clock.

Only what changed is kept in memory. How a protocol shows it belongs in `spark` and `forge`.
"""
