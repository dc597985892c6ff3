"""Notebooks to reports: run, read out, laid out as a page, a PDF and data, and published whole or not at all."""
