"""Files to tables and cohorts."""
