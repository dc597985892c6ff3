"""Baseline, change, response and remission: rules as expressions that any engine can run."""
