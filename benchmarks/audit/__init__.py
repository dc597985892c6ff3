"""Every public estimator on data whose truth is known: entries by family, the runner, the page."""
