"""From many rows to a small aggregate, on whichever engine holds the rows."""
