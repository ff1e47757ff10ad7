"""The use cases as plain functions: what a run does, without knowing who started it.

A pass joins the rooms below (sources, reso, reconcile, warehouse) and knows no Dagster. It
reports progress by callback and failure by the typed errors of `mls_assets.errors`.
"""
