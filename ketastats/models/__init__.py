"""Estimators: a table in, a result out, arithmetic left to `stats`."""
