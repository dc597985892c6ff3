"""Made-up cohorts with known truth: scenarios, the patients drawn from them, and what is true of them."""
