# Confidence intervals for one proportion. Run in this folder: Rscript one_proportion.R
# Needs R packages ratesci (1.1.0.9000), BlakerCI, exactci, PropCIs, binom.
source("common.R")
suppressMessages({library(ratesci); library(BlakerCI); library(binom)})

end_lower <- function(x, v) if (x == 0) 0 else v
end_upper <- function(x, n, v) if (x == n) 1 else v

one <- list(
  wald = function(x, n, a) { p <- x / n; p + c(-1, 1) * qnorm(1 - a / 2) * sqrt(p * (1 - p) / n) },
  agresti_coull = function(x, n, a) {
    z <- qnorm(1 - a / 2); m <- n + z^2; p <- (x + z^2 / 2) / m
    p + c(-1, 1) * z * sqrt(p * (1 - p) / m) },
  wilson = function(x, n, a) {
    z <- qnorm(1 - a / 2)
    ci <- (2 * x + z^2 + c(-1, 1) * z * sqrt(z^2 + 4 * x * (n - x) / n)) / (2 * (n + z^2))
    c(end_lower(x, ci[1]), end_upper(x, n, ci[2])) },
  wilson_cc = function(x, n, a) {        # Newcombe 1998 method 4
    z <- qnorm(1 - a / 2); p <- x / n; q <- 1 - p
    c(end_lower(x, (2 * x + z^2 - 1 - z * sqrt(z^2 - 2 - 1 / n + 4 * p * (n * q + 1))) / (2 * (n + z^2))),
      end_upper(x, n, (2 * x + z^2 + 1 + z * sqrt(z^2 + 2 - 1 / n + 4 * p * (n * q - 1))) / (2 * (n + z^2)))) },
  jeffreys = function(x, n, a)
    c(end_lower(x, qbeta(a / 2, x + .5, n - x + .5)), end_upper(x, n, qbeta(1 - a / 2, x + .5, n - x + .5))),
  clopper_pearson = function(x, n, a)
    c(if (x == 0) 0 else qbeta(a / 2, x, n - x + 1), if (x == n) 1 else qbeta(1 - a / 2, x + 1, n - x)),
  mid_p = function(x, n, a) {
    lo <- function(p) pbinom(x, n, p, lower.tail = FALSE) + dbinom(x, n, p) / 2 - a / 2
    hi <- function(p) pbinom(x - 1, n, p) + dbinom(x, n, p) / 2 - a / 2
    c(if (x == 0) 0 else root(lo, 0, if (x == n) 1 else x / n), if (x == n) 1 else root(hi, if (x == 0) 0 else x / n, 1)) },
  blaker = function(x, n, a) {
    ci <- as.numeric(BlakerCI::binom.blaker.limits(x, n, level = 1 - a, tol = 1e-14))
    c(end_lower(x, ci[1]), end_upper(x, n, ci[2])) },
  scas = function(x, n, a) as.numeric(ratesci::scaspci(x, n, level = 1 - a)$estimates[, c("lower", "upper")]),
  likelihood = function(x, n, a) {
    crit <- qchisq(1 - a, 1)
    xlogy <- function(x, y) if (x == 0) 0 else x * log(y)
    dev <- function(p) 2 * (xlogy(x, x / n) + xlogy(n - x, 1 - x / n) - xlogy(x, p) - xlogy(n - x, 1 - p)) - crit
    if (x == 0) return(c(0, -expm1(-crit / (2 * n))))
    if (x == n) return(c(exp(-crit / (2 * n)), 1))
    c(root(dev, 1e-300, x / n), root(dev, x / n, 1 - 1e-16)) },
  logit = function(x, n, a) if (x == 0 || x == n) c(NA, NA) else
    plogis(qlogis(x / n) + c(-1, 1) * qnorm(1 - a / 2) * sqrt(n / (x * (n - x)))),
  arcsine = function(x, n, a) {
    t <- asin(sqrt(x / n)) + c(-1, 1) * qnorm(1 - a / 2) / (2 * sqrt(n))
    sin(pmin(pmax(t, 0), pi / 2))^2 },
  arcsine_anscombe = function(x, n, a) {
    t <- asin(sqrt((x + 3 / 8) / (n + 3 / 4))) + c(-1, 1) * qnorm(1 - a / 2) / (2 * sqrt(n))
    sin(pmin(pmax(t, 0), pi / 2))^2 }
)
software <- c(wald = "closed form", agresti_coull = "closed form", wilson = "closed form", wilson_cc = "closed form",
  jeffreys = "R qbeta", clopper_pearson = "R qbeta", mid_p = "R pbinom and uniroot at machine tolerance",
  blaker = paste("BlakerCI", packageVersion("BlakerCI")), scas = paste("ratesci", packageVersion("ratesci")),
  likelihood = "R uniroot at machine tolerance", logit = "closed form", arcsine = "closed form",
  arcsine_anscombe = "closed form")

cases <- rbind(
  c(36, 154, .95), c(12, 77, .95), c(5, 10, .90), c(5, 10, .95), c(0, 10, .95), c(10, 10, .95), c(1, 10, .95), c(9, 10, .95),
  c(0, 1, .95), c(1, 1, .95), c(1, 2, .95), c(81, 263, .95), c(15, 148, .95), c(0, 20, .95), c(1, 29, .95), c(20, 20, .95),
  c(19, 20, .95), c(783, 2162, .95), c(3, 5000, .95), c(5000, 10000, .95), c(0, 1000, .95),
  c(36, 154, .90), c(36, 154, .99), c(0, 10, .90), c(0, 10, .99), c(1, 10, .90), c(1, 10, .99), c(29, 29, .80),
  c(2, 8, .50), c(7, 25, .999), c(2, 123, .95), c(131, 134, .95), c(4, 6, .90))
out <- do.call(rbind, lapply(names(one), function(m) do.call(rbind, lapply(seq_len(nrow(cases)), function(i) {
  x <- cases[i, 1]; n <- cases[i, 2]; ci <- one[[m]](x, n, 1 - cases[i, 3])
  if (anyNA(ci)) return(NULL)
  data.frame(method = m, successes = x, n = n, conf_level = cases[i, 3], conf_low = ci[1], conf_high = ci[2],
             software = software[[m]]) }))))
write_ref(out, here("one_proportion.csv"),
  "formulas of Newcombe 1998 Stat Med 17:857 (Wald, Wilson, Wilson with continuity correction, mid-P, likelihood), Brown Cai DasGupta 2001 Stat Sci 16:101 (Agresti-Coull, Jeffreys), Clopper Pearson 1934, Blaker 2000 Can J Stat 28:783, Laud 2017 Pharm Stat 16:334 (SCAS)",
  paste0("scripts/one_proportion.R, ", pkg("ratesci", "BlakerCI", "binom")),
  c("wald, agresti_coull: NOT cut to [0,1] (limits can fall outside); agresti_coull adds z^2/2 successes and z^2/2 failures",
    "wilson: score, no correction; limits set to exactly 0 at x=0 and 1 at x=n (their algebraic values)",
    "wilson_cc: Newcombe 1998 method 4; 0 at x=0, 1 at x=n. R prop.test agrees except where |x-n*0.5|<0.5, where it shrinks the correction",
    "jeffreys: Beta(x+1/2,n-x+1/2) equal-tailed; lower limit set to 0 at x=0, upper to 1 at x=n",
    "mid_p: binomial tail plus half the point probability = alpha/2; 0 at x=0, 1 at x=n",
    "blaker: hull of the acceptance set of Blaker's test",
    "scas: skewness-corrected score for one proportion, closed form, no N-1 factor, no continuity adjustment; 0 at x=0, 1 at x=n",
    "likelihood: -2 log likelihood ratio = chi-square(1) quantile",
    "logit: Wald on the logit, no row at x=0 or x=n",
    "arcsine: sin^2(asin(sqrt(x/n)) -+ z/(2 sqrt n)), angle cut to [0, pi/2]; arcsine_anscombe: the same with (x+3/8)/(n+3/4) for x/n"))

# checks against the packages
ok <- function(a, b, tol, what) { d <- max(abs(a - b)); cat(sprintf("%-34s max difference %.2g %s\n", what, d, if (d < tol) "ok" else "***")) }
get <- function(m) as.matrix(subset(out, method == m & n <= 300)[, c("conf_low", "conf_high")])
cs <- subset(out, method == "wilson" & n <= 300)   # the packages are slow or imprecise for larger n
rc <- function(row, cc = FALSE) t(sapply(seq_len(nrow(cs)), function(i) {
  e <- rateci(cs$successes[i], cs$n[i], level = cs$conf_level[i], precis = 10, cc = cc)$estimates[row, c("lower", "upper"), 1] }))
ok(get("wilson"), rc("Wilson"), 1e-9, "wilson v ratesci")
ok(get("mid_p"), rc("midp"), 1e-9, "mid_p v ratesci")
ok(get("scas"), rc("SCAS"), 1e-9, "scas v ratesci rateci")
ok(get("jeffreys"), rc("Jeffreys"), 1e-9, "jeffreys v ratesci")
print(dimnames(rateci(36, 154, cc = TRUE)$estimates)[[1]])
ok(get("blaker"), rc("Blaker", TRUE), 1e-7, "blaker v ratesci")
bc <- function(m) as.matrix(do.call(rbind, lapply(seq_len(nrow(cs)), function(i)
  binom.confint(cs$successes[i], cs$n[i], cs$conf_level[i], methods = m)[, c("lower", "upper")])))
ok(get("clopper_pearson"), bc("exact"), 1e-10, "clopper_pearson v binom")
ok(get("agresti_coull"), bc("agresti-coull"), 1e-10, "agresti_coull v binom")
ok(get("wald"), bc("asymptotic"), 1e-10, "wald v binom")
inner <- cs$successes > 0 & cs$successes < cs$n
ok(get("logit"), bc("logit")[inner, ], 1e-10, "logit v binom")
ok(get("likelihood"), bc("lrt"), 1e-4, "likelihood v binom (lrt)")   # binom stops its search early
pt <- t(sapply(seq_len(nrow(cs)), function(i) suppressWarnings(prop.test(cs$successes[i], cs$n[i],
  conf.level = cs$conf_level[i], p = if (2 * cs$successes[i] == cs$n[i]) .01 else .5)$conf.int)))
far <- abs(cs$successes - cs$n / 2) >= .5
ok(get("wilson_cc")[far, ], pt[far, ], 1e-12, "wilson_cc v prop.test")
