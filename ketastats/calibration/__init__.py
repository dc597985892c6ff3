"""How often a verdict is wrong: the judging path run on many cohorts whose truth is known."""
