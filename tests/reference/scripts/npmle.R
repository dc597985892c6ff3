# Nonparametric maximum likelihood of interval-censored times, by R's survfit and by an optimiser of its own.
# Run in this folder: Rscript npmle.R
source("common.R")
suppressMessages(library(survival))
made <- paste0("scripts/npmle.R, ", pkg("survival"))

## ---- the cases: event in (left, right], exact where equal, n rows alike ----
case <- function(name, left, right, n = 1) data.frame(dataset = name, left, right, n)
t74 <- read.csv(here("inputs", "turnbull1974.csv"), comment.char = "#")
t74 <- t74[t74$n > 0, ]
exact <- t74$status == "exact"; late <- t74$status == "right"
zinsmeister <- rbind(
  data.frame(l = 0, u = seq(3, 300, by = 3)), data.frame(l = 1, u = 11:110), data.frame(l = 1, u = rep(c(365, 366), c(60, 40))),
  data.frame(l = c(100, 200, 210, 220), u = c(Inf, 500, Inf, 450)), data.frame(l = 365, u = rep(c(730, Inf), c(90, 10))),
  data.frame(l = 366, u = c(528, 571, 691, 730, 731)), data.frame(l = 731:741, u = c(Inf, 1095:1099, Inf, 1400, 1200, 772, 1461)))
# lifelines closes both ends; times are whole numbers, so [l, u] is (l - 1/2, u], and [l, l] stays a point
ll <- data.frame(l = c(1, 8, 8, 7, 7, 17, 37, 46, 46, 45), u = c(7, 8, 10, 16, 14, Inf, 44, Inf, Inf, Inf))
bcos <- read.csv(here("inputs", "bcos_intervals.csv"), comment.char = "#")
seen_at <- function(t, visits) {                       # visits: matrix, one row per subject, NA = missed
  v <- cbind(0, visits)
  l <- apply(ifelse(v < t, v, NA), 1, max, na.rm = TRUE)
  u <- apply(ifelse(v >= t, v, Inf), 1, min, na.rm = TRUE)
  data.frame(l = l, u = u)
}
set.seed(11)
t <- round(rweibull(120, .8, 200), 1); v <- matrix(c(4, 24, 72, 168, 336), 120, 5, byrow = TRUE); v[runif(600) < .25] <- NA
visits <- seen_at(t, v)
t <- rweibull(80, 1.2, 100); irregular <- seen_at(t, round(t(apply(matrix(runif(320, 1, 250), 80), 1, sort)), 2))
t <- rexp(100, .01); once <- seen_at(t, round(matrix(runif(100, 1, 250)), 2))
t <- round(rexp(60, .01), 1) + .1; mixed <- seen_at(t, round(t(apply(matrix(runif(180, 1, 250), 60), 1, sort)), 1)); k <- runif(60) < .4; mixed[k, ] <- t[k]
a <- sample(0:12, 60, TRUE); ties <- data.frame(l = a, u = a + sample(c(0:4, Inf), 60, TRUE)); ties$u[ties$u == 0] <- 1
a <- 0:29; chain <- data.frame(l = a, u = a + sample(2:5, 30, TRUE) + .5)
cases <- rbind(
  case("turnbull1974", ifelse(t74$status == "left", 0, t74$time), ifelse(late, Inf, t74$time), t74$n),
  case("zinsmeister", zinsmeister$l, zinsmeister$u), case("lifelines", ifelse(ll$l == ll$u, ll$l, ll$l - .5), ll$u),
  case("bcos_rad", bcos$left[bcos$treatment == "Rad"], bcos$right[bcos$treatment == "Rad"]),
  case("bcos_radchem", bcos$left[bcos$treatment == "RadChem"], bcos$right[bcos$treatment == "RadChem"]),
  case("visits", visits$l, visits$u), case("irregular", irregular$l, irregular$u), case("once", once$l, once$u),
  case("mixed", mixed$l, mixed$u), case("ties", ties$l, ties$u), case("chain", chain$l, chain$u))
write_ref(cases, here("inputs", "npmle_cases.csv"), "Turnbull 1974 J Am Stat Assoc 69:169; the hard case and tests of R survival (tests/turnbull.R) and Python lifelines; Finkelstein Wolfe 1985 Biometrics 41:933 (bcos); the others simulated, R seed 11",
  "scripts/npmle.R", c("event in (left, right], exact where equal, right inf where not reached; n rows alike", "lifelines: its closed [l, u] of whole numbers as (l - 1/2, u]"))

## ---- the maximum: EM for the support, then Newton steps on it, then the conditions of Gentleman and Geyer ----
cells_of <- function(d) {                              # points and the open gaps between all finite bounds
  b <- sort(unique(c(0, d$left, d$right))); b <- b[is.finite(b)]
  rbind(data.frame(l = b, u = b, point = TRUE), data.frame(l = b, u = c(b[-1], Inf), point = FALSE))
}
maximum <- function(d) {
  k <- cells_of(d)
  k <- k[order(k$l, !k$point), ]
  A <- t(mapply(function(l, u) if (l == u) k$point & k$l == l else ifelse(k$point, k$l > l & k$l <= u, k$l >= l & k$u <= u), d$left, d$right)) * 1
  # of cells that the same rows cover keep the last: a gap and the point that closes it count as one
  keep <- !duplicated(t(A), fromLast = TRUE) & colSums(A) > 0; A <- A[, keep]; k <- k[keep, ]; w <- d$n / sum(d$n)
  p <- rep(1 / ncol(A), ncol(A))
  for (i in 1:20000) p <- p * drop(crossprod(A, w / drop(A %*% p)))
  on <- p > 1e-9
  repeat {
    for (i in 1:200) {                                 # Newton with the sum held by a multiplier
      B <- A[, on, drop = FALSE]; m <- drop(B %*% p[on]); g <- drop(crossprod(B, w / m)); H <- crossprod(B * (w / m^2), B); s <- sum(on)
      step <- solve(rbind(cbind(H, 1), c(rep(1, s), 0)), c(g, 0))[1:s]
      f <- min(1, .9 / max(c(-step / p[on], 1e-300))); p[on] <- p[on] + f * step
      if (max(abs(step)) < 1e-15) break
    }
    if (any(p[on] < 1e-10)) { p[p < 1e-10] <- 0; p <- p / sum(p); on <- p > 0; next }
    g <- drop(crossprod(A, w / drop(A %*% p)))
    if (max(g) < 1 + 1e-11) break
    on[which.max(g)] <- TRUE; p[which.max(g)] <- 1e-6; p <- p / sum(p)
  }
  list(cells = k, p = p, loglik = sum(d$n * log(drop(A %*% p))), gap = max(g) - 1, A = A)
}
at_bounds <- function(d) { b <- sort(unique(c(d$left, d$right))); b[is.finite(b) & b > 0] }
curve <- list(); fits <- list()
for (nm in unique(cases$dataset)) {
  d <- cases[cases$dataset == nm, ]; m <- maximum(d); b <- at_bounds(d)
  # the share surely reached by a bound: mass of cells that end there or before
  s <- sapply(b, function(x) 1 - sum(m$p[m$cells$u <= x & is.finite(m$cells$u)]))
  f <- survfit(Surv(d$left, ifelse(is.finite(d$right), d$right, NA), type = "interval2") ~ 1, weights = d$n)
  ends <- c(f$time, Inf); mass <- -diff(c(1, f$surv, 0))
  # survfit puts a mass at the middle of its cell; its log-likelihood is that of the masses in the rows' intervals
  inside <- outer(seq_len(nrow(d)), seq_along(ends), Vectorize(function(i, j) if (d$left[i] == d$right[i]) ends[j] == d$left[i] else ends[j] > d$left[i] & ends[j] <= d$right[i]))
  rows <- drop((inside * 1) %*% mass)
  curve[[nm]] <- data.frame(dataset = nm, time = b, survival = s)
  fits[[nm]] <- data.frame(dataset = nm, n = sum(d$n), loglik = m$loglik, gap = m$gap, survfit_loglik = sum(d$n * log(rows)))
}
write_ref(do.call(rbind, curve), here("npmle_curve.csv"), "maximum of the likelihood by EM and Newton steps in R, certified by the derivatives of Gentleman Geyer 1994", made,
  "survival: largest probability of the event after each finite bound that the maximum allows (mass taken at the end of its cell)")
write_ref(do.call(rbind, fits), here("npmle_fits.csv"), "as npmle_curve; survfit_loglik: the log-likelihood of the masses of R's survfit, which stops when steps are small", made,
  "gap: largest derivative minus 1, of the mean log-likelihood")
f <- survfit(Surv(t74$time, t74$time, c(exact = 1, right = 0, left = 2)[t74$status], type = "interval") ~ 1, weights = t74$n)
p <- data.frame(time = 1:4, printed = c(.53756771, .29459403, .20976022, .09484575), survfit = f$surv[match(1:4, f$time)])
write_ref(p, here("npmle_turnbull1974.csv"), "Turnbull 1974 data: survival after 1 to 4 as handed down, and by R survfit (EM with early stop)", made,
  "the maximum itself is in npmle_curve; both columns stop before it, in the seventh digit")

## ---- Thomas and Grunkemeier 1975: likelihood-ratio limits of Kaplan-Meier, by the multiplier of the product likelihood ----
lung <- read.csv(here("inputs", "survival_lung.csv"), comment.char = "#")
tg <- function(time, event, t0, level) {
  s <- sort(unique(time[event == 1 & time <= t0])); n <- sapply(s, function(x) sum(time >= x)); d <- sapply(s, function(x) sum(time == x & event == 1))
  ll <- function(h) sum(d * log(h) + ifelse(n > d, (n - d) * log1p(-h), 0))
  lr <- function(k) 2 * (ll(d / n) - ll(d / (n + k))) - qchisq(level, 1)
  S <- function(k) prod(1 - d / (n + k))
  lo <- -min(n - d) * (1 - 1e-12)
  c(S(uniroot(lr, c(lo, 0), tol = 1e-13)$root), S(uniroot(lr, c(0, 1e5), tol = 1e-13)$root))
}
r <- do.call(rbind, lapply(c(.9, .95, .99), function(level) do.call(rbind, lapply(c(100, 365, 700), function(t0) {
  q <- tg(lung$time, lung$event, t0, level); data.frame(conf_level = level, time = t0, low = q[1], high = q[2]) }))))
write_ref(r, here("npmle_thomas_grunkemeier.csv"), "Thomas Grunkemeier 1975 J Am Stat Assoc 70:865: likelihood-ratio limits of survival, lung (all patients)", made)

## ---- competing events, one assessment or none: savvyr's simulated data ----
sv <- read.csv(here("inputs", "survival_savvyr_n25.csv"), comment.char = "#")
aj <- function(cause) { f <- survfit(Surv(sv$time, factor(cause, 0:max(cause))) ~ 1); f$pstate[nrow(f$pstate), 2] }
write_ref(data.frame(coding = c("type 2 competes, type 3 censored", "types 2 and 3 compete"), incidence = c(aj(ifelse(sv$type == 3, 0, sv$type)), aj(sv$type))),
  here("npmle_savvyr.csv"), "Aalen-Johansen incidence of type 1 at the end, savvyr n = 25 data, R survfit", made)
