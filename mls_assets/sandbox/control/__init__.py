"""The control API: what a test or a demonstration does to the market from outside, as JSON.

Without authentication, so the server listens on loopback only.
"""

from mls_assets.sandbox.control.routes import control_routes

__all__ = ["control_routes"]
