# Beta posterior of a binomial proportion. Run in this folder: Rscript bayes.R
source("common.R")
cases <- rbind(c(36, 154), c(5, 10), c(0, 10), c(10, 10), c(1, 29), c(81, 263), c(783, 2162), c(2715, 7702), c(3, 20), c(0, 1))
priors <- rbind(c(1, 1), c(.5, .5), c(2, 8)); ab <- rbind(c(.3, .4), c(0, .3), c(.5, 1), c(.35, .36), c(0, .1))
out <- do.call(rbind, lapply(seq_len(nrow(cases)), function(i) do.call(rbind, lapply(seq_len(nrow(priors)), function(j) do.call(rbind, lapply(c(.95, .9), function(cl) do.call(rbind, lapply(seq_len(nrow(ab)), function(k) {
  x <- cases[i, 1]; n <- cases[i, 2]; a <- priors[j, 1] + x; b <- priors[j, 2] + n - x
  if (cl == .9 && k > 1) return(NULL)
  lo <- ab[k, 1]; hi <- ab[k, 2]
  pr <- if (lo > a / (a + b)) pbeta(lo, a, b, lower.tail = FALSE) - pbeta(hi, a, b, lower.tail = FALSE) else pbeta(hi, a, b) - pbeta(lo, a, b)
  data.frame(successes = x, n = n, prior_a = priors[j, 1], prior_b = priors[j, 2], posterior_mean = a / (a + b), posterior_sd = sqrt(a * b / (a + b)^2 / (a + b + 1)), posterior_median = qbeta(.5, a, b), conf_level = cl,
    conf_low = qbeta((1 - cl) / 2, a, b), conf_high = qbeta((1 + cl) / 2, a, b), range_low = lo, range_high = hi, prob_in_range = pr) }))))))))
write_ref(out, here("bayes.csv"), "conjugate Beta-binomial posterior Beta(prior_a + x, prior_b + n - x)", "scripts/bayes.R (R qbeta, pbeta)",
  c("conf_low, conf_high: equal-tailed posterior interval, no end correction at x=0 or x=n (jeffreys in one_proportion.csv has one)", "prob_in_range = P(range_low <= p <= range_high)"))
