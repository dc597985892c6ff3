"""Notebooks to reports: run, read out, laid out, and published whole or not at all."""
