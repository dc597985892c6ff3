"""Reusable questions about a table, each answered by a list of problems."""
