"""All that knows Dagster: assets, checks, sensors, jobs, resources, and its home folder."""
