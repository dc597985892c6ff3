"""Arithmetic from the literature: numbers in, numbers out, no subjects or visits."""
