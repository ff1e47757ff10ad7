"""How long the models run: MODEL_EXAMPLES examples of MODEL_STEPS steps, 200 of 50 unless told."""

import os

from hypothesis import HealthCheck, settings

LONG = settings(
    max_examples=int(os.environ.get("MODEL_EXAMPLES", "200")),
    stateful_step_count=int(os.environ.get("MODEL_STEPS", "50")),
    deadline=None,
    print_blob=True,
    suppress_health_check=list(HealthCheck),
)
