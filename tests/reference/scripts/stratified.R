# Stratified 2x2 tables: Mantel-Haenszel family, stratified Miettinen-Nurminen, Newcombe and Wilson intervals.
# Run in this folder: Rscript stratified.R    Needs metafor, ratesci (MN weights and checks).
source("common.R")
suppressMessages({library(ratesci); library(metafor)})
rdc <- function(f) read.csv(here("inputs", f), comment.char = "#", stringsAsFactors = FALSE)

## ---- data sets (x1 of n1 in arm 1, x2 of n2 in arm 2, per stratum) ----
wr <- function(d, f, ...) writeLines(c(paste("#", c(...)), paste(names(d), collapse = ","), do.call(paste, c(unname(as.list(d)), sep = ","))), here("inputs", f))
ucb <- data.frame(stratum = dimnames(UCBAdmissions)$Dept, x1 = UCBAdmissions["Admitted", "Male", ], n1 = colSums(UCBAdmissions[, "Male", ]),
  x2 = UCBAdmissions["Admitted", "Female", ], n2 = colSums(UCBAdmissions[, "Female", ]))
wr(ucb, "ucb_admissions.csv", paste0("source: UCBAdmissions of R's datasets package (", R.version.string, "), Bickel 1975 Science 187:398; arm 1 male, arm 2 female, event = admitted, stratum = department"), "made: scripts/stratified.R, date 2026-11-22")
agr <- data.frame(stratum = 1:8, x1 = c(11, 16, 14, 2, 6, 1, 1, 4), n1 = c(36, 20, 19, 16, 17, 11, 5, 6), x2 = c(10, 22, 7, 1, 0, 0, 1, 6), n2 = c(37, 32, 19, 17, 12, 10, 9, 7))
wr(agr, "agresti_eight_centres.csv", "source: eight-centre trial, Agresti Categorical Data Analysis 2013 p. 226 (Beitler Landis 1985 Biometrics 41:991), as typed in the tests of R package cicalc (GSK-Biostatistics/cicalc, commit 5753269); arm 1 drug, arm 2 control", "made: scripts/stratified.R, date 2026-11-22")
mig <- data.frame(stratum = c("female", "male"), x1 = c(16, 12), n1 = c(27, 28), x2 = c(5, 7), n2 = c(25, 26))
wr(mig, "sas_migraine.csv", "source: migraine example of the SAS PROC FREQ documentation (CMH), as typed in the tests of cicalc (commit 5753269); arm 1 active, arm 2 placebo, event = better", "made: scripts/stratified.R, date 2026-11-22")
lu <- data.frame(stratum = 1:3, x1 = c(1, 3, 2), n1 = c(15, 10, 25), x2 = c(3, 4, 18), n2 = c(5, 10, 35))
wr(lu, "lu2008.csv", "source: Lu 2008 as described in Melikov and Mosier 2025 (PharmaSUG 2025 SA-198), as typed in the tests of R package tern (insightsengineering/tern, commit eab2bd715f, Apache-2.0)", "made: scripts/stratified.R, date 2026-11-22")
sim <- function(seed, n, kind) {          # data sets of tern's tests, which it makes with R's random numbers
  set.seed(seed, kind = "Mersenne-Twister")
  if (kind == "cmh") { rsp <- sample(c(TRUE, FALSE), 100, TRUE); grp <- sample(c("Placebo", "Treatment"), 100, TRUE) }
  else { rsp <- c(sample(c(TRUE, FALSE), 40, TRUE, c(3, 1) / 4), sample(c(TRUE, FALSE), 40, TRUE, c(1, 1) / 2)); grp <- rep(c("A", "B"), each = 40) }
  s <- data.frame(f1 = sample(c("a", "b"), n, TRUE), f2 = sample(c("x", "y", "z"), n, TRUE), stringsAsFactors = TRUE)
  st <- interaction(s); act <- grp %in% c("Treatment", "A")
  data.frame(stratum = levels(st), x1 = as.vector(tapply(rsp & act, st, sum)), n1 = as.vector(tapply(act, st, sum)),
             x2 = as.vector(tapply(rsp & !act, st, sum)), n2 = as.vector(tapply(!act, st, sum)))
}
t100 <- sim(2, 100, "cmh"); t80 <- sim(1, 80, "nc")
wr(t100, "tern_cmh100.csv", "source: simulated test data of tern (insightsengineering/tern, commit eab2bd715f, Apache-2.0), R seed 2; arm 1 treatment, arm 2 placebo", "made: scripts/stratified.R, date 2026-11-22")
wr(t80, "tern_nc80.csv", "source: simulated test data of tern (insightsengineering/tern, commit eab2bd715f, Apache-2.0), R seed 1; arm 1 A, arm 2 B", "made: scripts/stratified.R, date 2026-11-22")
nw <- rdc("nielweise2007.csv"); cl <- rdc("clasp.csv"); ge <- rdc("collins1985b_preeclampsia.csv")
D <- list(ucb_admissions = ucb, agresti_eight_centres = agr, sas_migraine = mig, lu2008 = lu, tern_cmh100 = t100, tern_nc80 = t80,
  nielweise2007 = data.frame(stratum = nw$study, x1 = nw$ai, n1 = nw$n1i, x2 = nw$ci, n2 = nw$n2i),
  clasp = data.frame(stratum = cl$trial, x1 = cl$a, n1 = cl$n1, x2 = cl$c, n2 = cl$n2),
  collins1985b_preeclampsia = data.frame(stratum = ge$id, x1 = ge$ai, n1 = ge$n1i, x2 = ge$ci, n2 = ge$n2i))

## ---- methods ----
mn_var <- function(x1, n1, x2, n2, d) { N <- n1 + n2; X <- x1 + x2           # score variance at difference d, with N/(N-1)
  l3 <- N; l2 <- (n1 + 2 * n2) * d - N - X; l1 <- (n2 * d - N - 2 * x2) * d + X; l0 <- x2 * d * (1 - d)
  q <- l2^3 / (3 * l3)^3 - l1 * l2 / (6 * l3^2) + l0 / (2 * l3)
  p <- ifelse(q > 0, 1, -1) * sqrt(pmax(0, l2^2 / (3 * l3)^2 - l1 / (3 * l3)))
  a <- (pi + acos(pmin(1, pmax(-1, ifelse(p == 0, 0, q / p^3))))) / 3
  p2 <- pmin(pmax(2 * p * cos(a) - l2 / (3 * l3), max(0, -d)), min(1, 1 - d)); p1 <- pmin(pmax(p2 + d, 0), 1)
  (p1 * (1 - p1) / n1 + p2 * (1 - p2) / n2) * N / (N - 1) }
strat_q <- function(v, w, cl) qnorm((1 + cl) / 2) * sqrt(sum(w^2 * v)) / sum(w * sqrt(v))
wilson <- function(x, n, z) { h <- z * sqrt(z^2 + 4 * x * (n - x) / n); cbind(ifelse(x == 0, 0, (2 * x + z^2 - h) / (2 * (n + z^2))), ifelse(x == n, 1, (2 * x + z^2 + h) / (2 * (n + z^2)))) }
strat_wilson <- function(x, n, w, cl) colSums(w * wilson(x, n, strat_q(x / n * (1 - x / n) / n, w, cl)))
wilson_weights <- function(x, n, cl, tol, maxit) { v <- x / n * (1 - x / n) / n; w <- rep(1 / length(n), length(n)); z <- strat_q(v, w, cl)
  for (i in 1:maxit) { u <- (1 + z^2 / n)^2 / (v + z^2 / (4 * n^2)); u <- u / sum(u); z <- strat_q(v, u, cl); s <- sum(abs(u - w)); if (s < tol) break; w <- u }
  u }
rows <- list()
for (nm in names(D)) for (lev in c(.95, .90)) { d <- D[[nm]]; if (lev == .9 && !grepl("tern", nm)) next
  x1 <- as.numeric(d$x1); n1 <- as.numeric(d$n1); x2 <- as.numeric(d$x2); n2 <- as.numeric(d$n2); N <- n1 + n2; z <- qnorm((1 + lev) / 2)
  put <- function(quantity, method, estimate = NA, se = NA, ci = c(NA, NA), statistic = NA, df = NA, p = NA, software)
    rows[[length(rows) + 1]] <<- data.frame(dataset = nm, quantity = quantity, method = method, estimate = estimate, se = se, statistic = statistic,
      df = df, p_value = p, conf_low = ci[1], conf_high = ci[2], conf_level = lev, software = software)
  keep <- n1 > 0 & n2 > 0 & x1 + x2 > 0 & x1 + x2 < N
  arr <- array(rbind(x1, n1 - x1, x2, n2 - x2), c(2, 2, length(x1)))
  if (lev == .95) for (cc in c(FALSE, TRUE)) { m <- mantelhaen.test(arr, correct = cc)
    put("cmh_test", if (cc) "continuity_corrected" else "uncorrected", statistic = m$statistic, df = 1, p = m$p.value, software = "R mantelhaen.test") }
  m <- mantelhaen.test(arr, correct = FALSE, conf.level = lev)
  R <- x1 * (n2 - x2) / N; S <- (n1 - x1) * x2 / N; P <- (x1 + n2 - x2) / N; Q <- (n1 - x1 + x2) / N; or <- sum(R) / sum(S)
  se <- sqrt(sum(P * R) / (2 * sum(R)^2) + sum(P * S + Q * R) / (2 * sum(R) * sum(S)) + sum(Q * S) / (2 * sum(S)^2))
  ci <- exp(log(or) + c(-1, 1) * z * se); stopifnot(max(abs(ci - m$conf.int)) < 1e-10)
  put("odds_ratio", "mantel_haenszel_rbg", or, se, ci, software = "closed form, checked v R mantelhaen.test")
  top <- sum(x1 * n2 / N); bot <- sum(x2 * n1 / N); rr <- top / bot
  se <- sqrt(sum(n1 * n2 * (x1 + x2) / N^2 - x1 * x2 / N) / (top * bot))
  put("risk_ratio", "mantel_haenszel_greenland_robins", rr, se, exp(log(rr) + c(-1, 1) * z * se), software = "closed form, checked v metafor rma.mh")
  w <- n1 * n2 / N; rd <- sum(w * (x1 / n1 - x2 / n2)) / sum(w)
  se <- sqrt(sum((w / sum(w))^2 * (x1 / n1 * (1 - x1 / n1) / n1 + x2 / n2 * (1 - x2 / n2) / n2)))
  put("risk_difference", "mantel_haenszel_greenland_robins", rd, se, rd + c(-1, 1) * z * se, software = "closed form")
  Pj <- (n1^2 * x2 - n2^2 * x1 + n1 * n2 * (n2 - n1) / 2) / N^2; Qj <- (x1 * (n2 - x2) + x2 * (n1 - x1)) / (2 * N)
  se <- sqrt((rd * sum(Pj) + sum(Qj)) / sum(w)^2)
  put("risk_difference", "mantel_haenszel_sato", rd, se, rd + c(-1, 1) * z * se, software = "closed form")
  # stratified Miettinen-Nurminen, MH weights: root of sum w (p1-p2-d) / sqrt(sum w^2 V(d)) = -+ z
  f <- function(t, s) sum(w * (x1 / n1 - x2 / n2 - t)) / sqrt(sum(w^2 * mn_var(x1, n1, x2, n2, t))) - s * z
  e <- 1e-9; ci <- c(root(function(t) f(t, 1), -1 + e, rd), root(function(t) f(t, -1), rd, 1 - e))
  put("risk_difference", "miettinen_nurminen_mh_weights", rd, NA, ci, software = "R uniroot, checked v ratesci weighting MH")
  s <- scoreci(x1, n1, x2, n2, contrast = "RD", skew = FALSE, stratified = TRUE, weighting = "MH", level = lev, precis = 10, warn = FALSE)$estimates
  cat(sprintf("%-28s MN/MH v ratesci %.1e", nm, max(abs(s[1, c("lower", "upper")] - ci))))
  s <- scoreci(x1, n1, x2, n2, contrast = "RD", skew = FALSE, stratified = TRUE, weighting = "MN", level = lev, precis = 10, mn_tol = 1e-8, warn = FALSE)$estimates
  mnw <- function(t) { # own iteration of MN's weights from the stratum estimates restricted at t
    Nn <- n1 + n2; l3 <- Nn; l2 <- (n1 + 2 * n2) * t - Nn - (x1 + x2); l1 <- (n2 * t - Nn - 2 * x2) * t + x1 + x2; l0 <- x2 * t * (1 - t)
    q <- l2^3 / (3 * l3)^3 - l1 * l2 / (6 * l3^2) + l0 / (2 * l3); p <- ifelse(q > 0, 1, -1) * sqrt(pmax(0, l2^2 / (3 * l3)^2 - l1 / (3 * l3)))
    a <- (pi + acos(pmin(1, pmax(-1, ifelse(p == 0, 0, q / p^3))))) / 3
    p2 <- pmin(pmax(2 * p * cos(a) - l2 / (3 * l3), max(0, -t)), min(1, 1 - t)); p1 <- pmin(pmax(p2 + t, 0), 1)
    u <- w; for (i in 1:100) { b2 <- sum(u * p2) / sum(u); b1 <- sum(u * p1) / sum(u); b2 <- min(max(b2, 1e-8), 1 - 1e-8)
      v <- 1 / ((b1 * (1 - b1) / (b2 * (1 - b2))) / n1 + 1 / n2); if (max(abs(v - u)) < 1e-13 * max(v)) break; u <- v }; v }
  g <- function(t, s) { u <- mnw(t); sum(u * (x1 / n1 - x2 / n2 - t)) / sqrt(sum(u^2 * mn_var(x1, n1, x2, n2, t))) - s * z }
  est <- root(function(t) g(t, 0), -1 + 1e-4, 1 - 1e-4); ci <- c(root(function(t) g(t, 1), -1 + 1e-4, est), root(function(t) g(t, -1), est, 1 - 1e-4))
  cat(sprintf("   MN/MN v ratesci %.1e est %.1e\n", max(abs(s[1, c("lower", "upper")] - ci)), abs(s[1, "est"] - est)))
  put("risk_difference", "miettinen_nurminen_mn_weights", est, NA, ci, software = "R uniroot, checked v ratesci weighting MN")
  # stratified Newcombe, CMH weights (Yan & Su 2010)
  if (all(x1 > 0 | TRUE)) { wn <- w / sum(w); a <- strat_wilson(x1, n1, wn, lev); b <- strat_wilson(x2, n2, wn, lev)
    k1 <- sum(wn^2 / n1); k2 <- sum(wn^2 / n2)
    ci <- rd + c(-1, 1) * z * sqrt(c(k1 * a[1] * (1 - a[1]) + k2 * b[2] * (1 - b[2]), k2 * b[1] * (1 - b[1]) + k1 * a[2] * (1 - a[2])))
    put("risk_difference", "newcombe_cmh_weights", rd, NA, ci, software = "closed form, checked v tern print") }
}
sw <- rdc("stratified_wilson.csv")
for (k in c("wilson_estimated_weights", "wilson_estimated_weights_final_quantile", "wilson_equal_weights", "wilson_size_weights")) for (lev in c(.90, .95)) {
  eq <- rep(1 / nrow(sw), nrow(sw)); u <- wilson_weights(sw$x, sw$n, lev, .001, 10); v <- sw$x / sw$n * (1 - sw$x / sw$n) / sw$n
  w <- switch(k, wilson_equal_weights = eq, wilson_size_weights = sw$n / sum(sw$n), u)
  zq <- if (k == "wilson_estimated_weights") strat_q(v, eq, lev) else strat_q(v, w, lev)
  ci <- colSums(w * wilson(sw$x, sw$n, zq))
  rows[[length(rows) + 1]] <- data.frame(dataset = "stratified_wilson", quantity = "proportion", method = k, estimate = sum(w * sw$x / sw$n), se = NA, statistic = NA, df = NA, p_value = NA,
    conf_low = ci[1], conf_high = ci[2], conf_level = lev, software = "closed form, checked v tern print")
  if (lev == .9) cat(k, format(ci, digits = 9), format(w, digits = 6), "\n")
}
out <- do.call(rbind, rows)
write_ref(out, here("stratified.csv"),
  "Mantel Haenszel 1959; Robins Breslow Greenland 1986; Greenland Robins 1985 Biometrics 41:55; Sato 1989 Biometrics 45:1323; Miettinen Nurminen 1985; Yan Su 2010 (stratified Newcombe and Wilson); inputs in inputs/<dataset>.csv",
  paste0("scripts/stratified.R, ", pkg("metafor", "ratesci")),
  c("arm 1 minus or over arm 2; se of odds_ratio and risk_ratio rows is on the log scale",
    "cmh_test: R mantelhaen.test (hypergeometric variance); the correction is 1/2 only when |sum(x1-E)| >= 1/2, else 0",
    "mantel_haenszel_greenland_robins (risk_difference) = independent binomial variance with weights n1 n2/N; mantel_haenszel_sato = Sato variance (SAS COMMONRISKDIFF)",
    "miettinen_nurminen_mh_weights: stratum variances with N_j/(N_j-1), fixed weights n1 n2/N; _mn_weights: weights of MN 1985 iterated to relative 1e-13 at every tested difference, estimate = where that score is 0",
    "newcombe_cmh_weights: weights n1 n2/N used in both arms, Wilson limits per arm at the stratified quantile, no continuity correction",
    "wilson_estimated_weights: tern's weights (iteration to sum|change| < .001) with the quantile kept from the EQUAL starting weights; _final_quantile: the quantile from the final weights"))
# checks v print
pr <- function(ds, q, m, lev = .95) { r <- subset(out, dataset == ds & quantity == q & method == m & conf_level == lev); cat(ds, m, lev, format(unlist(r[, c("estimate", "se", "conf_low", "conf_high")]), digits = 7), "\n") }
cat("tern print -0.1376866 .08978092 -0.285363076 0.009989872 | sato .1080533 -0.31541846 0.04004526 | mn (percent, arms swapped) -3.45069 30.21444 se 10.41033\n")
pr("tern_cmh100", "risk_difference", "mantel_haenszel_greenland_robins", .9); pr("tern_cmh100", "risk_difference", "mantel_haenszel_sato", .9); pr("tern_cmh100", "risk_difference", "miettinen_nurminen_mh_weights", .9)
cat("print -0.37857 -0.5381 -0.1962\n"); pr("lu2008", "risk_difference", "miettinen_nurminen_mh_weights")
cat("print 0.25390590 0.03467969 0.44544132\n"); pr("tern_nc80", "risk_difference", "newcombe_cmh_weights")
cat("print 2.1636 1.2336 3.7948\n"); pr("sas_migraine", "risk_ratio", "mantel_haenszel_greenland_robins")
cat("print .130 .050 / .0313 .2284 / .0348 .2249 / RR 1.424 1.0786 1.8812\n"); pr("agresti_eight_centres", "risk_difference", "mantel_haenszel_sato"); pr("agresti_eight_centres", "risk_difference", "mantel_haenszel_greenland_robins"); pr("agresti_eight_centres", "risk_ratio", "mantel_haenszel_greenland_robins")
for (nm in c("nielweise2007", "clasp")) { d <- D[[nm]]; r <- rma.mh(measure = "RR", ai = x1, n1i = n1, ci = x2, n2i = n2, data = d); cat(nm, format(c(coef(r), r$se), digits = 9)); pr(nm, "risk_ratio", "mantel_haenszel_greenland_robins") }
