# Confidence intervals for two independent proportions: difference, ratio, odds ratio of arm 1 v arm 2.
# Run in this folder: Rscript two_proportions.R    Needs R packages ratesci, exact2x2 (checks only).
source("common.R")
suppressMessages({library(ratesci); library(exact2x2)})

## ---- restricted maximum likelihood estimates (vectorised over tables) ----
# p1 - p2 = d: cubic of Miettinen & Nurminen 1985
mle_rd <- function(x1, n1, x2, n2, d) {
  N <- n1 + n2; X <- x1 + x2
  l3 <- N; l2 <- (n1 + 2 * n2) * d - N - X
  l1 <- (n2 * d - N - 2 * x2) * d + X; l0 <- x2 * d * (1 - d)
  q <- l2^3 / (3 * l3)^3 - l1 * l2 / (6 * l3^2) + l0 / (2 * l3)
  p <- ifelse(q > 0, 1, -1) * sqrt(pmax(0, l2^2 / (3 * l3)^2 - l1 / (3 * l3)))
  ratio <- ifelse(p == 0, 0, q / p^3)
  a <- (pi + acos(pmin(1, pmax(-1, ratio)))) / 3
  p2 <- 2 * p * cos(a) - l2 / (3 * l3)
  p2 <- pmin(pmax(p2, max(0, -d)), min(1, 1 - d))
  list(p1 = pmin(pmax(p2 + d, 0), 1), p2 = p2)
}
mle_rr <- function(x1, n1, x2, n2, r) {        # p1 = r p2
  A <- (n1 + n2) * r; B <- -(n1 * r + x1 + n2 + x2 * r); C <- x1 + x2
  p2 <- (-B - sqrt(pmax(0, B^2 - 4 * A * C))) / (2 * A)
  p2 <- pmin(pmax(p2, 0), min(1, 1 / r))
  list(p1 = pmin(r * p2, 1), p2 = p2)
}
mle_or <- function(x1, n1, x2, n2, t) {        # odds1 = t odds2
  A <- n2 * (t - 1); B <- n1 * t + n2 - (x1 + x2) * (t - 1); C <- -(x1 + x2)
  disc <- sqrt(pmax(0, B^2 - 4 * A * C))
  p2 <- -2 * C / (B + disc)
  list(p1 = p2 * t / (1 + p2 * (t - 1)), p2 = p2)
}
z_rd <- function(x1, n1, x2, n2, d, bc = TRUE) {
  m <- mle_rd(x1, n1, x2, n2, d); N <- n1 + n2
  v <- (m$p1 * (1 - m$p1) / n1 + m$p2 * (1 - m$p2) / n2) * if (bc) N / (N - 1) else 1
  s <- x1 / n1 - x2 / n2 - d
  ifelse(abs(s) < 1e-14, 0, s / sqrt(v))
}
z_rr <- function(x1, n1, x2, n2, r, bc = TRUE) {
  m <- mle_rr(x1, n1, x2, n2, r); N <- n1 + n2
  v <- (m$p1 * (1 - m$p1) / n1 + r^2 * m$p2 * (1 - m$p2) / n2) * if (bc) N / (N - 1) else 1
  s <- x1 / n1 - r * x2 / n2
  ifelse(abs(s) < 1e-14, 0, s / sqrt(v))
}
z_or <- function(x1, n1, x2, n2, t, bc = TRUE) {
  m <- mle_or(x1, n1, x2, n2, t); N <- n1 + n2
  s <- x1 - n1 * m$p1
  ifelse(abs(s) < 1e-14, 0, s * sqrt((1 / (n1 * m$p1 * (1 - m$p1)) + 1 / (n2 * m$p2 * (1 - m$p2))) / if (bc) N / (N - 1) else 1))
}

## ---- score intervals: roots of z = -+ quantile, found to machine precision ----
score_rd <- function(x1, n1, x2, n2, a, bc) {
  q <- qnorm(1 - a / 2); d <- x1 / n1 - x2 / n2; e <- 1e-13
  f <- function(t, s) { z <- z_rd(x1, n1, x2, n2, t, bc); pmin(pmax(z, -1e8), 1e8) - s * q }
  c(if (d <= -1) -1 else if (f(-1 + e, 1) < 0) -1 else root(function(t) f(t, 1), -1 + e, d),
    if (d >= 1) 1 else if (f(1 - e, -1) > 0) 1 else root(function(t) f(t, -1), d, 1 - e))
}
score_log <- function(z, x1, n1, x2, n2, est, lo_zero, hi_inf, a, bc) {   # ratio scales, solved on the log
  q <- qnorm(1 - a / 2); mid <- if (is.finite(est) && est > 0) log(est) else NA
  f <- function(t, s) { v <- z(x1, n1, x2, n2, exp(t), bc); pmin(pmax(v, -1e8), 1e8) - s * q }
  c(if (lo_zero) 0 else exp(root(function(t) f(t, 1), -18, if (is.na(mid)) 18 else mid)),
    if (hi_inf) Inf else exp(root(function(t) f(t, -1), if (is.na(mid)) -18 else mid, 18)))
}
wilson <- function(x, n, a) { z <- qnorm(1 - a / 2); h <- z * sqrt(z^2 + 4 * x * (n - x) / n)
  c(if (x == 0) 0 else (2 * x + z^2 - h) / (2 * (n + z^2)), if (x == n) 1 else (2 * x + z^2 + h) / (2 * (n + z^2))) }

## ---- unconditional exact, Chan & Zhang 1999: two one-sided tests ordered by the score statistic ----
# lower limit = inf of the parameter values not rejected by the one-sided test at alpha/2, the nuisance proportion
# maximised over its whole range; upper limit = sup. steps: grid of the scan, later halved to `digits`.
tail_prob <- function(par, x1, n1, x2, n2, measure, upper, grid = 600) {
  X1 <- rep(0:n1, n2 + 1); X2 <- rep(0:n2, each = n1 + 1)
  zf <- if (measure == "rd") z_rd else z_rr
  t_all <- zf(X1, n1, X2, n2, par, FALSE); t_obs <- zf(x1, n1, x2, n2, par, FALSE)
  t_all[is.nan(t_all)] <- 0
  tol <- 1e-9 * max(1, abs(if (is.finite(t_obs)) t_obs else 1))
  S <- matrix(as.numeric(if (upper) t_all >= t_obs - tol else t_all <= t_obs + tol), n1 + 1)
  if (measure == "rd") { lo <- max(0, -par); hi <- min(1, 1 - par); p1of <- function(p) p + par }
  else { lo <- 0; hi <- min(1, 1 / par); p1of <- function(p) p * par }
  prob <- function(p2) { p1 <- pmin(pmax(p1of(p2), 0), 1)
    D1 <- outer(p1, 0:n1, function(p, k) dbinom(k, n1, p)); D2 <- outer(p2, 0:n2, function(p, k) dbinom(k, n2, p))
    rowSums((D1 %*% S) * D2) }
  g <- sort(unique(c(seq(lo, hi, length.out = grid), lo + (hi - lo) * 10^seq(-6, -2, length.out = 60), hi - (hi - lo) * 10^seq(-6, -2, length.out = 60))))
  g <- pmin(pmax(g, lo), max(lo, hi)); v <- prob(g); best <- max(v)
  for (k in head(order(-v), 3)) {
    b <- g[c(max(1, k - 1), min(length(g), k + 1))]
    if (b[2] > b[1]) best <- max(best, optimize(prob, b, maximum = TRUE, tol = 1e-12)$objective)
  }
  best
}
exact_cz <- function(x1, n1, x2, n2, a, measure, digits = 1e-9) {
  tr <- if (measure == "rd") identity else exp
  pv <- function(u, upper) tail_prob(tr(u), x1, n1, x2, n2, measure, upper)
  # The tail probability jumps as the ordering of the tables changes, so walk from the rejected side towards the
  # estimate in steps that shrink as it nears alpha/2, and take the first value not rejected.
  bound <- function(upper, from, to) {
    s <- sign(to - from); u <- from; p <- pv(u, upper); if (p > a / 2) return(from)
    repeat {
      h <- if (n1 * n2 <= 1000) 4e-4 else if (p < .5 * a / 2) 4e-3 else if (p < .8 * a / 2) 1e-3 else 2e-4
      v <- if (s * (to - (u + s * h)) <= 0) to else u + s * h
      q <- pv(v, upper); if (q > a / 2) break
      if (v == to) return(to)
      u <- v; p <- q
    }
    while (abs(v - u) > digits) { m <- (u + v) / 2; if (pv(m, upper) > a / 2) v <- m else u <- m }
    v
  }
  if (measure == "rd") { d <- x1 / n1 - x2 / n2; s <- score_rd(x1, n1, x2, n2, a / 8, TRUE)
    c(bound(TRUE, max(-1, s[1] - .1), d), bound(FALSE, min(1, s[2] + .1), d)) }
  else { e <- log((x1 / n1) / (x2 / n2)); s <- log(score_log(z_rr, x1, n1, x2, n2, exp(e), x1 == 0, x2 == 0, a / 8, TRUE))
    c(if (x1 == 0) 0 else exp(bound(TRUE, s[1] - .7, if (is.finite(e)) e else 8)),
      if (x2 == 0) Inf else exp(bound(FALSE, s[2] + 3, if (is.finite(e)) e else -8))) }
}

## ---- conditional exact odds ratio ----
fisher_or <- function(x1, n1, x2, n2, a) {
  m <- x1 + x2; lo <- max(0, m - n2); hi <- min(n1, m); k <- lo:hi
  ld <- dhyper(k, n1, n2, m, log = TRUE)
  d <- function(t) { v <- ld + t * k; v <- exp(v - max(v)); v / sum(v) }
  up <- function(t) sum(d(t)[k >= x1]) - a / 2; dn <- function(t) sum(d(t)[k <= x1]) - a / 2
  c(low = if (x1 == lo) 0 else exp(root(up, -60, 60)), high = if (x1 == hi) Inf else exp(root(dn, -60, 60)),
    cmle = if (x1 == lo) 0 else if (x1 == hi) Inf else exp(root(function(t) sum(d(t) * k) - x1, -60, 60)))
}

cases <- rbind(c(56, 70, 48, 80), c(9, 10, 3, 10), c(10, 10, 0, 20), c(0, 10, 0, 20), c(0, 15, 5, 15), c(5, 56, 0, 29),
  c(6, 7, 2, 7), c(0, 10, 0, 10), c(10, 10, 0, 10), c(10, 10, 20, 20), c(29, 84, 20, 88), c(7, 34, 1, 34), c(36, 154, 12, 77), c(84, 101, 89, 105), c(4, 8, 2, 6),
  c(40, 78, 5, 17), c(783, 2162, 301, 1665),
  c(7, 18, 1, 18), c(24, 73, 53, 65), c(29, 55, 11, 11), c(28, 51, 71, 230), c(3, 4, 1, 2), c(1, 2, 1, 2))
levels <- lapply(seq_len(nrow(cases)), function(i) if (i %in% c(2, 13)) c(.95, .90) else if (i == 22) .90 else if (i == 23) .60 else .95)
jobs <- do.call(rbind, lapply(seq_len(nrow(cases)), function(i) do.call(rbind, lapply(levels[[i]], function(cl)
  data.frame(i = i, cl = cl, m = c("rd", if (cases[i, 2] * cases[i, 4] < 13e3) "rr"))))))
jobs <- jobs[cases[jobs$i, 2] * cases[jobs$i, 4] < 2e4, ]
ex <- parallel::mclapply(seq_len(nrow(jobs)), function(k) { c4 <- cases[jobs$i[k], ]
  exact_cz(c4[1], c4[2], c4[3], c4[4], 1 - jobs$cl[k], jobs$m[k]) }, mc.cores = 2, mc.preschedule = FALSE)
exact_of <- function(i, cl, m) ex[[which(jobs$i == i & jobs$cl == cl & jobs$m == m)]]
rows <- list(); add <- function(...) rows[[length(rows) + 1]] <<- data.frame(..., stringsAsFactors = FALSE)
for (i in seq_len(nrow(cases))) for (cl in levels[[i]]) {
  x1 <- cases[i, 1]; n1 <- cases[i, 2]; x2 <- cases[i, 3]; n2 <- cases[i, 4]; a <- 1 - cl; z <- qnorm(1 - a / 2)
  p1 <- x1 / n1; p2 <- x2 / n2; rd <- p1 - p2; rr <- p1 / p2; or <- x1 * (n2 - x2) / (x2 * (n1 - x1))
  put <- function(measure, method, est, ci, software, cmle = NA) add(measure = measure, method = method, x1 = x1, n1 = n1, x2 = x2,
    n2 = n2, conf_level = cl, estimate = if (is.nan(est)) NA else est, conf_low = ci[[1]], conf_high = ci[[2]], conditional_mle = cmle, software = software)
  ut <- "R uniroot at machine tolerance, checked v ratesci"
  put("rd", "miettinen_nurminen", rd, score_rd(x1, n1, x2, n2, a, TRUE), ut)
  put("rd", "mee", rd, score_rd(x1, n1, x2, n2, a, FALSE), ut)
  w1 <- wilson(x1, n1, a); w2 <- wilson(x2, n2, a)
  put("rd", "newcombe", rd, rd + c(-sqrt((p1 - w1[1])^2 + (w2[2] - p2)^2), sqrt((w1[2] - p1)^2 + (p2 - w2[1])^2)), "closed form, checked v ratesci")
  put("rd", "wald", rd, rd + c(-1, 1) * z * sqrt(p1 * (1 - p1) / n1 + p2 * (1 - p2) / n2), "closed form")
  q1 <- (x1 + 1) / (n1 + 2); q2 <- (x2 + 1) / (n2 + 2)
  put("rd", "agresti_caffo", rd, q1 - q2 + c(-1, 1) * z * sqrt(q1 * (1 - q1) / (n1 + 2) + q2 * (1 - q2) / (n2 + 2)), "closed form")
  if (n1 * n2 < 2e4) put("rd", "exact", rd, exact_of(i, cl, "rd"), "own R search to 1e-9, checked v exact2x2 and SAS")
  both_full <- x1 == n1 && x2 == n2
  put("rr", "miettinen_nurminen", rr, score_log(z_rr, x1, n1, x2, n2, rr, x1 == 0, x2 == 0, a, TRUE), ut)
  put("rr", "koopman", rr, score_log(z_rr, x1, n1, x2, n2, rr, x1 == 0, x2 == 0, a, FALSE), ut)
  if (x1 > 0 && x2 > 0) put("rr", "log", rr, exp(log(rr) + c(-1, 1) * z * sqrt(1 / x1 - 1 / n1 + 1 / x2 - 1 / n2)), "closed form")
  if (n1 * n2 < 13e3) put("rr", "exact", rr, exact_of(i, cl, "rr"), "own R search to 1e-9 on the log, checked v exact2x2 and SAS")
  lo0 <- x1 == 0 || x2 == n2; hiI <- x2 == 0 || x1 == n1
  put("or", "miettinen_nurminen", or, score_log(z_or, x1, n1, x2, n2, or, lo0, hiI, a, TRUE), ut)
  put("or", "score", or, score_log(z_or, x1, n1, x2, n2, or, lo0, hiI, a, FALSE), ut)
  if (x1 > 0 && x2 > 0 && x1 < n1 && x2 < n2)
    put("or", "log", or, exp(log(or) + c(-1, 1) * z * sqrt(1 / x1 + 1 / (n1 - x1) + 1 / x2 + 1 / (n2 - x2))), "closed form")
  if (x1 + x2 > 0 && x1 + x2 < n1 + n2) { f <- fisher_or(x1, n1, x2, n2, a)
    put("or", "exact", or, f[c("low", "high")], "R uniroot at machine tolerance, checked v fisher.test", f[["cmle"]]) }
}
out <- do.call(rbind, rows); out <- out[order(match(out$measure, c("rd", "rr", "or")), out$method), ]
write_ref(out, here("two_proportions.csv"),
  "Miettinen Nurminen 1985 Stat Med 4:213; Mee 1984; Newcombe 1998 Stat Med 17:873 method 10; Agresti Caffo 2000; Koopman 1984 Biometrics 40:513; Katz 1978; Woolf 1955; Chan Zhang 1999 Biometrics 55:1202; Fisher conditional",
  paste0("scripts/two_proportions.R, ", pkg("ratesci", "exact2x2", "exactci")),
  c("arm 1 minus (rd) or over (rr, or) arm 2; empty estimate = 0/0; inf = no upper limit",
    "miettinen_nurminen: score with variance factor N/(N-1); mee, koopman, score (or): the same without the factor; none adds to zero cells",
    "newcombe: square-and-add of Wilson limits, no continuity correction. wald, agresti_caffo: NOT cut to [-1,1]",
    "rr log (Katz), or log (Woolf): rows only without zero cells (rr: x1,x2>0; or: all four cells>0); nothing added",
    "exact (rd, rr): unconditional, two one-sided tests of size alpha/2 each, ordered by the score statistic at the tested value (SAS EXACT RISKDIFF or RELRISK METHOD=SCORE); limits = hull of the values not rejected; nuisance maximised over its whole range (no Berger-Boos)",
    "exact (rd, rr): good to about 1e-6 (grid maximisation of the nuisance); rr limit 0 at x1=0 and inf at x2=0",
    "or exact: conditional, each tail alpha/2 (fisher.test); conditional_mle = fisher.test's estimate, estimate = sample odds ratio"))

## ---- checks ----
ok <- function(what, d, tol) cat(sprintf("%-30s %.2g %s\n", what, d, if (d < tol) "ok" else "***"))
fin <- function(x) ifelse(is.infinite(x), 1e300, x)
chk <- function(m, k, contrast, bcf, tol = 1e-8) { s <- subset(out, measure == m & method == k & n1 < 500)
  r <- t(sapply(seq_len(nrow(s)), function(i) with(s[i, ], suppressWarnings(ratesci::scoreci(x1, n1, x2, n2, contrast = contrast, level = conf_level,
    skew = FALSE, or_bias = FALSE, bcf = bcf, precis = 10)$estimates[1, c("lower", "upper")]))))
  o <- as.matrix(s[, c("conf_low", "conf_high")]); rel <- abs(o - r) / pmax(1, abs(o)); rel[is.infinite(o) & (is.infinite(r) | r > 1e6)] <- 0
  if (any(!is.finite(rel)) || max(rel) > tol) { print(cbind(s[, 3:10], r)); }
  ok(paste(m, k, "v ratesci"), max(rel, na.rm = TRUE), tol) }
chk("rd", "miettinen_nurminen", "RD", TRUE); chk("rd", "mee", "RD", FALSE)
chk("rr", "miettinen_nurminen", "RR", TRUE); chk("rr", "koopman", "RR", FALSE)
chk("or", "miettinen_nurminen", "OR", TRUE); chk("or", "score", "OR", FALSE)
s <- subset(out, measure == "rd" & method == "newcombe")
ok("newcombe v ratesci", max(abs(as.matrix(s[, c("conf_low", "conf_high")]) - t(sapply(seq_len(nrow(s)), function(i) with(s[i, ],
  moverci(x1, n1, x2, n2, level = conf_level, type = "wilson", precis = 12)$estimates[1, c("lower", "upper")]))))), 1e-9)
s <- subset(out, measure == "or" & method == "exact")
f <- t(sapply(seq_len(nrow(s)), function(i) with(s[i, ], { h <- fisher.test(matrix(c(x1, n1 - x1, x2, n2 - x2), 2), conf.level = conf_level); c(h$conf.int, h$estimate) })))
o <- as.matrix(s[, c("conf_low", "conf_high", "conditional_mle")]); rel <- abs(o - f) / pmax(1, abs(o)); rel[o == f] <- 0
ok("or exact v fisher.test", max(rel), 2e-2)     # fisher.test stops its root search early
print(subset(out, method == "exact" & measure != "or")[, c(1, 3:10)])
