# Score tests of groups with interval-censored times. Run in this folder: Rscript score_tests.R
# Needs R packages interval and perm (numbers marked "interval"); rows marked "own program" are written from the formulas
# of Fay & Shaw (2010) section 2-3, with complete enumeration, and share only the NPMLE (icfit) with the package.
source("common.R")
made_on <- "2026-11-24"
suppressMessages(library(interval))
tight <- icfitControl(epsilon = 1e-11, maxit = 2e6)  # the package's own default stops at 1e-6
names_of <- c(sun = "logrank1", finkelstein = "logrank2", wilcoxon = "wmw")
data(bcos)

# ---- inputs ----
save_input <- function(d, name, source, notes) write_ref(d, here("inputs", paste0(name, ".csv")), source, "exported by score_tests.R", notes)
b <- data.frame(left = bcos$left, right = bcos$right, treatment = as.character(bcos$treatment))
save_input(b, "bcos_intervals", "Finkelstein DM, Wolfe RA (1985) Biometrics 41:933-945, as data set bcos of R package interval (GPL; published data)",
           "94 women, months to cosmetic deterioration in (left, right], inf = not seen; rows in the package's order")
set.seed(20261124)
visits <- function(n) { # visits at 4 h to 28 days, one in eight missed, drop-out
  sched <- c(4, 24, 72, 168, 336, 504, 672); dose <- rep(c(0, 0.5, 1), length.out = n); site <- rep(c("north", "south"), each = ceiling(n / 2))[1:n]
  t <- ifelse(runif(n) < .3, Inf, rweibull(n, .8, 300 * exp(-.7 * dose)))
  lr <- t(vapply(seq_len(n), function(i) { kept <- sched[runif(7) > 1/8 & cumsum(runif(7) < .05) == 0]
    c(max(0, kept[kept < t[i]]), min(Inf, kept[kept >= t[i]])) }, c(0, 0)))
  exact <- is.finite(lr[, 2]) & runif(n) < .1
  lr[exact, ] <- round(t[exact], 1)
  data.frame(left = lr[, 1], right = lr[, 2], dose = dose, site = site) }
v <- visits(75)
save_input(v, "score_visits", "simulated in R by score_tests.R, seed 20261124", "75 subjects, three doses, two sites; hours in (left, right], some exact, inf = not seen")
s <- visits(17)
save_input(s, "score_small", "simulated in R by score_tests.R, seed 20261124", "17 subjects, for complete enumeration")
aml <- survival::aml
a <- data.frame(left = aml$time, right = ifelse(aml$status == 1, aml$time, Inf), x = as.character(aml$x))
save_input(a, "score_aml", "Miller RG (1997) Survival Analysis, as data set aml of R package survival (LGPL; published data)", "23 patients, weeks; exact or right-censored")
vet <- survival::veteran
w <- data.frame(left = vet$time, right = ifelse(vet$status == 1, vet$time, Inf), celltype = as.character(vet$celltype), trt = vet$trt)
save_input(w, "score_veteran", "Kalbfleisch JD, Prentice RL (1980), as data set veteran of R package survival (LGPL; published data)", "137 patients, days; exact or right-censored, with ties")

# ---- numbers by package interval ----
rows <- list(); sums <- list()
add <- function(...) rows[[length(rows) + 1]] <<- data.frame(...)
for (case in list(list("bcos_intervals", b, "treatment"), list("score_visits", v, "dose"), list("score_small", s, "dose"), list("score_aml", a, "x"), list("score_veteran", w, "celltype")))
  for (kind in names(names_of)) {
    d <- case[[2]]; g <- as.character(d[[case[[3]]]])
    run <- function(group, method, ...) ictest(d$left, d$right, group, scores = names_of[[kind]], icontrol = tight, method = method, ...)
    keep <- function(out, test) { one <- length(unique(g)) == 2 || grepl("trend", test)
      # two groups: R gives Z of the first group, and a chi-square for the score form; here Z of the other group
      z <- if (!length(out$statistic)) NA else if (!one) out$statistic else if (grepl("score", test)) sqrt(out$statistic) * sign(if (grepl("trend", test)) sum(out$U) else out$U[[sort(names(out$U))[2]]]) else if (grepl("trend", test)) out$statistic else -out$statistic * (if (names(out$U)[1] == min(names(out$U))) 1 else -1)
      add(data = case[[1]], by = case[[3]], scores = kind, test = test, statistic = as.numeric(z), df = if (one) NA else length(unique(g)) - 1, p_value = out$p.value, program = "interval") }
    p <- run(g, "pclt"); keep(p, "asymptotic")
    for (n in sort(names(p$U))) sums[[length(sums) + 1]] <- data.frame(data = case[[1]], by = case[[3]], scores = kind, group = n, n = as.integer(p$N[[n]]), u = p$U[[n]])
    if (kind != "sun" && case[[1]] %in% c("bcos_intervals", "score_visits")) keep(run(g, "scoretest"), "score")
    if (case[[3]] == "dose") { keep(run(d$dose, "pclt"), "trend_asymptotic")
      if (kind != "sun" && case[[1]] == "score_visits") keep(run(d$dose, "scoretest"), "trend_score") }
    if (case[[1]] == "bcos_intervals") { keep(run(g, "exact.mc", mcontrol = mControl(nmc = 99999)), "monte_carlo_99999")
      i <- c(1:5, 50:65)
      for (ts in c("central", "abs")) { o <- ictest(d$left[i], d$right[i], g[i], scores = names_of[[kind]], icontrol = tight, method = "exact.network", mcontrol = mControl(tsmethod = ts))
        add(data = "bcos_subset", by = "treatment", scores = kind, test = paste0("exact_", ts), statistic = NA, df = NA, p_value = if (ts == "abs") o$p.values[["p.twosidedAbs"]] else o$p.values[["p.twosided"]], program = "interval") }
      o <- ictest(d$left[i], d$right[i], g[i], scores = names_of[[kind]], icontrol = tight, method = "pclt")
      add(data = "bcos_subset", by = "treatment", scores = kind, test = "asymptotic", statistic = -as.numeric(o$statistic), df = NA, p_value = o$p.value, program = "interval") }
  }

# ---- own program: scores, strata, complete enumeration of three groups ----
npmle <- function(l, r) icfit(l, r, control = tight)
score_of <- function(l, r, kind) { f <- npmle(l, r); p <- f$pf; S <- rev(cumsum(rev(p))); S <- c(S, 0) / S[1]; A <- f$A == 1
  g <- switch(kind, sun = -S * c(0, cumsum(p / S[seq_along(p)])), finkelstein = ifelse(S > 0, S * log(S), 0), wilcoxon = S^2 - S)
  apply(A, 1, function(a) { k <- range(which(a)); (g[k[1]] - g[k[2] + 1]) / (S[k[1]] - S[k[2] + 1]) }) }
moments <- function(cc, g, levels) { n <- length(cc); ng <- vapply(levels, function(x) sum(g == x), 0); cb <- cc - mean(cc)
  list(u = vapply(levels, function(x) sum(cb[g == x]), 0), v = sum(cb^2) / (n - 1) * (diag(ng) - outer(ng, ng) / n)) }
for (kind in names(names_of)) {
  levels <- sort(unique(v$dose)); u <- 0; V <- 0
  for (st in unique(v$site)) { i <- v$site == st; m <- moments(score_of(v$left[i], v$right[i], kind), v$dose[i], levels); u <- u + m$u; V <- V + m$v }
  q <- as.numeric(t(u[-1]) %*% solve(V[-1, -1]) %*% u[-1])
  add(data = "score_visits", by = "dose", scores = kind, test = "stratified_asymptotic", statistic = q, df = 2, p_value = pchisq(q, 2, lower.tail = FALSE), program = "own program")
  z <- sum(levels * u) / sqrt(t(levels) %*% V %*% levels)
  add(data = "score_visits", by = "dose", scores = kind, test = "stratified_trend_asymptotic", statistic = as.numeric(z), df = NA, p_value = 2 * pnorm(-abs(z)), program = "own program")
  # three groups and trend of score_small, every assignment of 17 subjects to groups of 6, 6 and 5
  cc <- score_of(s$left, s$right, kind); g <- match(s$dose, levels); m <- moments(cc, g, 1:3); W <- solve(m$v[-1, -1]); cb <- cc - mean(cc)
  n1 <- sum(g == 1); n2 <- sum(g == 2); first <- combn(17, n1); within <- combn(17 - n1, n2)
  all <- lapply(seq_len(ncol(first)), function(j) { rest <- cb[-first[, j]]; u2 <- colSums(matrix(rest[within], n2)); cbind(u2, -sum(cb[first[, j]]) - u2) })
  all <- do.call(rbind, all); T <- .5 * all[, 1] + all[, 2]
  Q <- W[1, 1] * all[, 1]^2 + 2 * W[1, 2] * all[, 1] * all[, 2] + W[2, 2] * all[, 2]^2
  t0 <- .5 * m$u[2] + m$u[3]; q0 <- as.numeric(t(m$u[-1]) %*% W %*% m$u[-1]); e <- 1e-9
  lo <- mean(T <= t0 + e); hi <- mean(T >= t0 - e)
  add(data = "score_small", by = "dose", scores = kind, test = "exact", statistic = q0, df = 2, p_value = mean(Q >= q0 - e), program = "own program")
  add(data = "score_small", by = "dose", scores = kind, test = "trend_exact_central", statistic = NA, df = NA, p_value = min(1, 2 * lo, 2 * hi), program = "own program")
  add(data = "score_small", by = "dose", scores = kind, test = "trend_exact_absolute", statistic = NA, df = NA, p_value = mean(abs(T) >= abs(t0) - e), program = "own program")
  # two doses of score_small within sites, every assignment
  d <- s[s$dose != 0.5, ]; per <- lapply(split(d, d$site), function(x) { c0 <- score_of(x$left, x$right, kind); c0 <- c0 - mean(c0); k <- sum(x$dose == 1)
    list(seen = sum(c0[x$dose == 1]), all = colSums(matrix(c0[combn(nrow(x), k)], k))) })
  T <- as.vector(outer(per[[1]]$all, per[[2]]$all, "+")); t0 <- per[[1]]$seen + per[[2]]$seen
  add(data = "score_small", by = "dose", scores = kind, test = "stratified_two_exact_central", statistic = NA, df = NA, p_value = min(1, 2 * mean(T <= t0 + e), 2 * mean(T >= t0 - e)), program = "own program")
}
write_ref(do.call(rbind, rows), here("score_tests.csv"), "R package interval (Fay & Shaw 2010) and own program in R, see column program", paste("score_tests.R,", pkg("interval", "perm", "survival")),
  c("exact p-values: central = twice the smaller tail, abs/absolute = as far from zero; statistic = Z of the second group in order, or of the trend, else chi-square",
    "bcos_subset: rows c(1:5, 50:65) of bcos; score = observed-information score test; icfit with epsilon 1e-11, initial values not from packages Icens or MLEcens"))
write_ref(do.call(rbind, sums), here("score_tests_sums.csv"), "R package interval, sums of scores per group (its U)", paste("score_tests.R,", pkg("interval", "perm", "survival")))

# ---- survdiff: what Sun's and the Wilcoxon-type scores become on right-censored data ----
out <- list()
for (case in list(list("score_aml", aml, "x"), list("score_veteran", vet, "celltype"))) for (rho in 0:1) {
  f <- survival::survdiff(survival::Surv(time, status) ~ g, data.frame(case[[2]], g = case[[2]][[case[[3]]]]), rho = rho)
  out[[length(out) + 1]] <- data.frame(data = case[[1]], by = case[[3]], scores = c("sun", "wilcoxon")[rho + 1], group = sub("g=", "", names(f$n)), observed_minus_expected = f$obs - f$exp, variance = diag(f$var), chi_square = f$chisq) }
write_ref(do.call(rbind, out), here("score_tests_survdiff.csv"), "R package survival, survdiff (rho 0: log-rank, rho 1: Peto & Peto)", paste("score_tests.R,", pkg("survival")), "variance is the hypergeometric one, which the permutation test does not use")
