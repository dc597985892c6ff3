# Paired proportions: Tango score interval, Newcombe method 10, Wald; McNemar tests. Run in this folder: Rscript paired.R
# Needs R package ratesci for the checks.
source("common.R")
suppressMessages(library(ratesci))
# table: a = yes/yes, b = yes/no, c = no/yes, d = no/no (first occasion or treatment 1 / treatment 2); difference p1 - p2 = (b-c)/n
tango_z <- function(a, b, c, d, t) { n <- a + b + c + d; A <- 2 * n; B <- -b - c + (2 * n - b + c) * t; C <- -c * t * (1 - t)
  p21 <- (sqrt(pmax(0, B^2 - 4 * A * C)) - B) / (2 * A); s <- b - c - n * t; v <- n * (2 * p21 + t * (1 - t)); if (abs(s) < 1e-13) 0 else s / sqrt(max(v, 0)) }
tango <- function(a, b, c, d, al) { q <- qnorm(1 - al / 2); n <- a + b + c + d; e <- (b - c) / n; f <- function(t, s) { z <- tango_z(a, b, c, d, t); max(min(z, 1e8), -1e8) - s * q }
  c(if (e <= -1) -1 else root(function(t) f(t, 1), -1 + 1e-14, e), if (e >= 1) 1 else root(function(t) f(t, -1), e, 1 - 1e-14)) }
wil <- function(x, n, al) { z <- qnorm(1 - al / 2); (2 * x + z^2 + c(-1, 1) * z * sqrt(z^2 + 4 * x * (n - x) / n)) / (2 * (n + z^2)) }
newcombe <- function(a, b, c, d, al, cc) { n <- a + b + c + d; p1 <- (a + b) / n; p2 <- (a + c) / n; l1 <- wil(a + b, n, al); l2 <- wil(a + c, n, al)
  den <- (a + b) * (c + d) * (a + c) * (b + d); num1 <- a * d - b * c; if (cc) num1 <- if (num1 > n / 2) num1 - n / 2 else if (num1 >= 0) 0 else num1
  phi <- if (den == 0) 0 else num1 / sqrt(den); e <- p1 - p2
  lo <- (p1 - l1[1])^2 - 2 * phi * (p1 - l1[1]) * (l2[2] - p2) + (l2[2] - p2)^2; hi <- (l1[2] - p1)^2 - 2 * phi * (l1[2] - p1) * (p2 - l2[1]) + (p2 - l2[1])^2
  c(e - sqrt(max(0, lo)), e + sqrt(max(0, hi))) }
cases <- rbind(c(4, 9, 3, 16), c(43, 0, 1, 0), c(1, 1, 7, 12), c(53, 16, 8, 9), c(20, 15, 6, 5), c(20, 12, 2, 16), c(8, 3, 1, 2), c(7, 25, 2, 68), c(10, 0, 0, 10), c(0, 0, 0, 12), c(30, 5, 5, 60), c(212, 144, 256, 707), c(446, 5, 16, 690))
rows <- list()
for (i in seq_len(nrow(cases))) for (cl in if (i %in% c(1, 2, 13)) c(.95, .90) else .95) { x <- cases[i, ]; a <- x[1]; b <- x[2]; c0 <- x[3]; d <- x[4]; n <- sum(x); al <- 1 - cl; e <- (b - c0) / n; z <- qnorm(1 - al / 2)
  put <- function(m, ci, st = NA, p = NA, est = e, sw) rows[[length(rows) + 1]] <<- data.frame(method = m, yes_yes = a, yes_no = b, no_yes = c0, no_no = d, conf_level = cl, estimate = est, conf_low = ci[1], conf_high = ci[2], statistic = st, p_value = p, software = sw)
  put("tango", tango(a, b, c0, d, al), sw = "R uniroot at machine tolerance, checked v ratesci")
  put("newcombe", newcombe(a, b, c0, d, al, TRUE), sw = "closed form, checked v ratesci"); put("newcombe_no_phi_correction", newcombe(a, b, c0, d, al, FALSE), sw = "closed form, checked v ratesci")
  put("wald", e + c(-1, 1) * z * sqrt(b + c0 - (b - c0)^2 / n) / n, sw = "closed form")
  h <- z^2; pb <- (b + 1) / (n + 2); pc <- (c0 + 1) / (n + 2); put("bonett_price", pb - pc + c(-1, 1) * z * sqrt((pb + pc - (pb - pc)^2) / (n + 2)), sw = "closed form")
  if (cl == .95 && b + c0 > 0) { m <- mcnemar.test(matrix(c(a, c0, b, d), 2), correct = FALSE); put("mcnemar", c(NA, NA), m$statistic, m$p.value, NA, "R mcnemar.test")
    m <- mcnemar.test(matrix(c(a, c0, b, d), 2)); put("mcnemar_cc", c(NA, NA), m$statistic, m$p.value, NA, "R mcnemar.test")
    put("mcnemar_exact", c(NA, NA), b, binom.test(b, b + c0)$p.value, NA, "R binom.test")
    k <- min(b, c0); mp <- if (b == c0) 1 - .5 * dbinom(b, b + c0, .5) else 2 * pbinom(k, b + c0, .5) - dbinom(k, b + c0, .5)
    put("mcnemar_mid_p", c(NA, NA), b, mp, NA, "R pbinom") } }
out <- do.call(rbind, rows)
write_ref(out, here("paired.csv"), "Tango 1998 Stat Med 17:891; Newcombe 1998 Stat Med 17:2635 method 10; Bonett Price 2012; McNemar 1947; Fagerland Lydersen Laake 2013 BMC Med Res Methodol 13:91 (mid-P)",
  paste0("scripts/paired.R, ", pkg("ratesci")),
  c("yes_no = yes under 1, no under 2; estimate = p1 - p2 = (yes_no - no_yes)/n; wald and bonett_price not cut to [-1,1]",
    "tango: score, no N/(N-1) factor, no continuity correction", "newcombe: Wilson limits with phi, numerator ad-bc reduced by n/2 when above n/2, set to 0 when in [0,n/2] (method 10); newcombe_no_phi_correction = method 8",
    "mcnemar: (b-c)^2/(b+c); mcnemar_cc: (|b-c|-1)^2/(b+c); mcnemar_exact: two-sided binomial; mcnemar_mid_p: 2 P(X<=min)-P(X=min), and 1-P(X=b)/2 when b=c; statistic of the exact rows = yes_no"))
for (k in seq_len(nrow(cases))) { x <- cases[k, ]; s <- try(scorepairci(x = x, contrast = "RD", skew = FALSE, bcf = FALSE, precis = 10)$estimates[1, c(1, 3)], silent = TRUE)
  mv <- try(moverpairci(x = x, contrast = "RD", type = "wilson", corc = TRUE, precis = 10)$estimates[1, c(1, 3)], silent = TRUE)
  o <- subset(out, yes_yes == x[1] & yes_no == x[2] & no_yes == x[3] & no_no == x[4] & conf_level == .95)
  g <- function(m) unlist(subset(o, method == m)[, c("conf_low", "conf_high")])
  cat(x, " tango", format(g("tango"), digits = 6), " v ratesci", if (is.numeric(s)) signif(max(abs(s - g("tango"))), 2) else "err", " newcombe", format(g("newcombe"), digits = 6), " v", if (is.numeric(mv)) signif(max(abs(mv - g("newcombe"))), 2) else "err", "\n") }
print(subset(out, conf_level == .9 & method == "tango"))
