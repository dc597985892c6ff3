"""Tidy table in, axes out. No function here computes a statistic."""
