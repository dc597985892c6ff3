"""Outcome scales as data: ranges, scoring, response and remission rules, with the grade of each source."""
