"""The five tables of a cohort and what makes them whole."""
