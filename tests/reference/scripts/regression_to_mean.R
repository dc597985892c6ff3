# Regression to the mean: Barnett's formula by integration, truncated normal laws by optim, limits by the profile likelihood.
# Run in this folder: Rscript regression_to_mean.R     Needs numDeriv.
source("common.R"); made_on <- "2026-11-24"; by <- "scripts/regression_to_mean.R"
# expected second minus first assessment of those at or beyond an entry, integrated over the first
expected <- function(mean, sd, entry, reliability, upper) {
  inside <- function(f) if (upper) integrate(f, entry, entry + 40 * sd, rel.tol = 1e-12, subdivisions = 2000)$value else
    integrate(f, entry - 40 * sd, entry, rel.tol = 1e-12, subdivisions = 2000)$value
  share <- inside(function(x) dnorm(x, mean, sd))
  inside(function(x) (mean + reliability * (x - mean) - x) * dnorm(x, mean, sd)) / share }
cases <- expand.grid(entry = c(16, 20, 24, 28), reliability = c(0.5, 0.8), upper = c(TRUE, FALSE)); cases$mean <- 22; cases$sd <- 5
cases$change <- mapply(expected, cases$mean, cases$sd, cases$entry, cases$reliability, cases$upper)
cases$upper <- as.integer(cases$upper)
write_ref(cases, here("regression_to_mean.csv"), "mean change without a real one of those at or above (upper 1) or at or below (0) an entry; Barnett 2005 by numerical integration", by)

set.seed(5); one <- function(name, n, mean, sd, entry, rho, effect) {
  x <- numeric(0); while (length(x) < n) { d <- rnorm(n, mean, sd); x <- c(x, d[d >= entry]) }
  x <- round(x[seq_len(n)], 2)
  data.frame(set = name, base = x, chg = round(-(1 - rho) * (x - mean) + effect + sd * sqrt(1 - rho^2) * rnorm(n), 2)) }
sets <- list(list("mild", 80, 24, 6, 20, 0.7, -5), list("median", 150, 20, 5, 20, 0.6, 0), list("strict", 400, 18, 6, 22, 0.8, -8))
data <- do.call(rbind, lapply(sets, function(s) do.call(one, s)))
write_ref(data, here("regression_to_mean_data.csv"), "made baselines and changes of selected patients", by)

fit <- function(s) {
  name <- s[[1]]; entry <- s[[5]]; rho <- 0.7; d <- data[data$set == name, ]; x <- d$base; n <- length(x)
  each <- function(p) dnorm(x, p[1], exp(p[2]), log = TRUE) - pnorm(entry, p[1], exp(p[2]), lower.tail = FALSE, log.p = TRUE)
  nll <- function(p) -sum(each(p))
  o <- optim(c(mean(x), log(sd(x))), nll, control = list(maxit = 20000, reltol = 1e-15))
  for (k in 1:5) o <- optim(o$par, nll, control = list(maxit = 20000, reltol = 1e-16))
  for (k in 1:5) o$par <- o$par - solve(numDeriv::hessian(nll, o$par), numDeriv::grad(nll, o$par))
  excess <- mean(x) - o$par[1]; top <- -nll(o$par)
  influence <- (x - mean(x)) - n * (numDeriv::jacobian(each, o$par) %*% solve(numDeriv::hessian(nll, o$par)))[, 1]
  change <- d$chg - mean(d$chg); left <- change + (1 - rho) * influence; v <- function(i) sqrt(sum(i^2) / (n * (n - 1)))
  # profile: sd = excess / h(z), mean = entry - z sd
  h <- function(z) exp(dnorm(z, log = TRUE) - pnorm(z, lower.tail = FALSE, log.p = TRUE))
  at <- function(e) -optimize(function(z) { sd <- e / h(z); nll(c(entry - z * sd, log(sd))) }, c(-8, 30), tol = 1e-12)$objective
  q <- qt(0.975, n - 1); gap <- function(le) 2 * (top - at(exp(le))) - q^2
  lo <- exp(root(gap, log(excess) - 6, log(excess))); hi <- tryCatch(exp(root(gap, log(excess), log(excess) + 3)), error = function(e) Inf)
  data.frame(set = name, entry = entry, reliability = rho, n = n, mean = o$par[1], sd = exp(o$par[2]), excess = excess, excess_se = v(influence), excess_low = lo, excess_high = hi,
             observed = mean(d$chg), observed_se = v(change), regression = -(1 - rho) * excess, remainder = mean(d$chg) + (1 - rho) * excess, remainder_se = v(left)) }
write_ref(do.call(rbind, lapply(sets, fit)), here("regression_to_mean_fits.csv"), "truncated normal laws fitted to regression_to_mean_data.csv by optim; standard errors from influence values, limits by the profile likelihood with t on n - 1", paste0(by, ", ", pkg("numDeriv")))
