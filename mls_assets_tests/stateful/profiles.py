"""How long the models run: MODEL_EXAMPLES examples of MODEL_STEPS steps, 200 of 50 unless told."""

import os

from hypothesis import HealthCheck, settings

EXAMPLES = int(os.environ.get("MODEL_EXAMPLES", "200"))
STEPS = int(os.environ.get("MODEL_STEPS", "50"))


def running(examples: int) -> settings:
    """Return the settings for so many examples; a failure prints how to repeat it."""
    return settings(
        max_examples=max(examples, 1),
        stateful_step_count=STEPS,
        deadline=None,
        print_blob=True,
        suppress_health_check=tuple(HealthCheck),
    )
