"""From a proven key set to removals: sweep or replay, plan, confirmation, verdict."""
