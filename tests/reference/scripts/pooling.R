# Random-effects pooling: tau2 estimators, intervals, prediction intervals. Run in this folder: Rscript pooling.R
# Needs metafor.
source("common.R")
suppressMessages(library(metafor))
rdc <- function(f) read.csv(here("inputs", f), comment.char = "#", stringsAsFactors = FALSE)
cl <- rdc("clasp.csv"); ra <- rdc("raudenbush1985.csv"); nw <- rdc("nielweise2007.csv"); co <- rdc("collins1985b_preeclampsia.csv"); li <- rdc("linde2005_17.csv")
D <- list(
  clasp_logor = escalc(measure = "OR", ai = a, n1i = n1, ci = c, n2i = n2, data = cl),
  raudenbush1985_smd = data.frame(yi = ra$yi, vi = ra$vi),
  nielweise2007_logor = escalc(measure = "OR", ai = ai, n1i = n1i, ci = ci, n2i = n2i, data = nw),
  nielweise2007_control_logit = escalc(measure = "PLO", xi = ci, ni = n2i, data = nw),
  nielweise2007_treated_logit = escalc(measure = "PLO", xi = ai, ni = n1i, data = nw),
  collins1985b_logor = escalc(measure = "OR", ai = ai, n1i = n1i, ci = ci, n2i = n2i, data = co),
  linde2005_17_logrr = escalc(measure = "RR", ai = ai, n1i = n1i, ci = ci, n2i = n2i, data = li))

# iterative estimators again, by root finding at machine tolerance
own_tau2 <- function(y, v, m) { k <- length(y)
  mu <- function(t) sum(y / (v + t)) / sum(1 / (v + t))
  f <- switch(m, PM = , EB = function(t) sum((y - mu(t))^2 / (v + t)) - (k - 1),
    ML = function(t) { w <- 1 / (v + t); sum(w^2 * (y - mu(t))^2) - sum(w) },
    REML = function(t) { w <- 1 / (v + t); sum(w^2 * (y - mu(t))^2) - sum(w) + sum(w^2) / sum(w) })
  if (f(0) <= 0) 0 else root(f, 0, 100 * var(y) + 10) }
rows <- list(); cis <- list()
for (nm in names(D)) { y <- as.numeric(D[[nm]]$yi); v <- as.numeric(D[[nm]]$vi); k <- length(y)
  for (m in c("EE", "DL", "HE", "HS", "SJ", "PM", "EB", "ML", "REML")) {
    r <- if (m == "EE") rma(y, v, method = "EE") else suppressWarnings(rma(y, v, method = m, control = list(threshold = 1e-12, maxiter = 10000, tol = 1e-14)))
    t2 <- if (m %in% c("PM", "EB", "ML", "REML")) own_tau2(y, v, m) else r$tau2
    if (abs(t2 - r$tau2) > 1e-7) cat("tau2", nm, m, t2, r$tau2, "\n")
    z <- if (m == "EE") r else rma(y, v, tau2 = t2); h <- if (m == "EE") NULL else rma(y, v, tau2 = t2, test = "knha")
    # I2 and H2 of the fixed-tau2 fit
    w <- 1 / v; s2 <- (k - 1) * sum(w) / (sum(w)^2 - sum(w^2))
    Q <- sum(w * (y - sum(w * y) / sum(w))^2); mu <- as.numeric(coef(z)); se <- z$se
    hk <- if (is.null(h)) NA else h$se; q <- qnorm(.975); q1 <- qt(.975, k - 1); q2 <- qt(.975, k - 2)
    pi <- function(c, s) mu + c(-1, 1) * c * sqrt(s^2 + t2)
    rows[[length(rows) + 1]] <- data.frame(dataset = nm, estimator = m, k = k, tau2 = t2, mu = mu, se = se, conf_low = mu - q * se, conf_high = mu + q * se,
      hk_se = hk, hk_conf_low = mu - q1 * hk, hk_conf_high = mu + q1 * hk, conf_level = .95,
      pi_normal_low = pi(q, se)[1], pi_normal_high = pi(q, se)[2], pi_t_k2_low = pi(q2, se)[1], pi_t_k2_high = pi(q2, se)[2], pi_t_k1_low = pi(q1, se)[1], pi_t_k1_high = pi(q1, se)[2],
      pi_hk_k2_low = pi(q2, hk)[1], pi_hk_k2_high = pi(q2, hk)[2], pi_hk_k1_low = pi(q1, hk)[1], pi_hk_k1_high = pi(q1, hk)[2],
      Q = Q, Q_df = k - 1, Q_p = pchisq(Q, k - 1, lower.tail = FALSE),
      I2 = if (m == "EE") max(0, 100 * (Q - (k - 1)) / Q) else 100 * t2 / (t2 + s2), H2 = if (m == "EE") Q / (k - 1) else t2 / s2 + 1,
      I2_Q = max(0, 100 * (Q - (k - 1)) / Q))
    if (m != "EE") { stopifnot(abs(r$QE - Q) < 1e-8); if (abs(t2 - r$tau2) < 1e-9) stopifnot(abs(r$I2 - 100 * t2 / (t2 + s2)) < 1e-5)
      p <- predict(rma(y, v, tau2 = t2)); stopifnot(abs(p$pi.lb - pi(q, se)[1]) < 1e-8)
      p <- predict(h); stopifnot(abs(p$pi.lb - pi(q1, hk)[1]) < 1e-8) }
  }
  # intervals for tau2
  w <- function(t) 1 / (v + t); gq <- function(t) { u <- w(t); sum(u * (y - sum(u * y) / sum(u))^2) }
  up <- function(p) { c0 <- qchisq(p, k - 1); if (gq(0) < c0) 0 else root(function(t) gq(t) - c0, 0, 1e4) }
  lo <- up(.975); hi <- up(.025)
  cis[[length(cis) + 1]] <- data.frame(dataset = nm, method = "q_profile", tau2 = NA, conf_low = lo, conf_high = hi, conf_level = .95)
  cq <- confint(rma(y, v, method = "DL"), control = list(tol = 1e-10, tau2.max = 1e4))$random["tau^2", ]; if (max(abs(cq[2:3] - c(lo, hi))) > 1e-6) cat("qp", nm, cq, lo, hi, "\n")
  for (m in c("ML", "REML")) { ll <- function(t) { u <- w(t); mu <- sum(u * y) / sum(u); -.5 * (sum(log(v + t)) + sum(u * (y - mu)^2) + if (m == "REML") log(sum(u)) else 0) }
    t0 <- own_tau2(y, v, m); f <- function(t) 2 * (ll(t0) - ll(t)) - qchisq(.95, 1)
    cis[[length(cis) + 1]] <- data.frame(dataset = nm, method = paste0("profile_likelihood_", m), tau2 = t0, conf_low = if (t0 == 0 || f(0) <= 0) 0 else root(f, 0, t0), conf_high = root(f, t0, 1e4), conf_level = .95) }
}
out <- do.call(rbind, rows); ci <- do.call(rbind, cis)
src <- "DerSimonian Laird 1986; Hedges; Hunter Schmidt; Sidik Jonkman 2005; Paule Mandel; Morris EB; ML; REML; Hartung Knapp; Viechtbauer 2007 (Q-profile); inputs in inputs/"
write_ref(out, here("pooling_tau2.csv"), src, paste0("scripts/pooling.R, ", pkg("metafor", "metadat")),
  c("yi, vi: log OR or RR or logit by metafor escalc, 1/2 added to every cell of studies with a zero cell only (add=1/2, to=only0), natural log; raudenbush yi vi as given",
    "EE = equal effects (tau2 0). mu weights 1/(vi+tau2). SJ: metafor's default start (variance of yi, divisor k). HS: metafor's HS (no small-sample factor)",
    "PM, EB, ML, REML: root of the estimating equation to machine tolerance; metafor run to threshold 1e-12 agrees",
    "conf: mu -+ z se; hk: Hartung-Knapp (metafor test=knha), t with k-1 df, no ad hoc max(1,q) truncation",
    "prediction intervals mu -+ c sqrt(s^2+tau2): normal: c=z, s=se; t_k2, t_k1: c=t with k-2 or k-1 df, s=se; hk_k2, hk_k1: the same with s=hk_se (metafor predict() gives normal under test=z and hk_k1 under knha)",
    "I2 (percent), H2: from tau2 as metafor does; EE row from Q; I2_Q = 100 max(0,(Q-df)/Q)"))
write_ref(ci, here("pooling_tau2_ci.csv"), src, paste0("scripts/pooling.R, ", pkg("metafor")),
  c("q_profile: generalised Q at the chi-square quantiles .975 and .025, k-1 df; lower limit 0 where Q(0) is below the quantile",
    "profile_likelihood: 2(l(tau2hat)-l(tau2)) = chi-square(1) quantile, mu profiled out (REML: restricted likelihood)"))
# Freeman-Tukey, Miller 1978
mi <- rdc("miller1978.csv"); e <- escalc(measure = "PFT", xi = x, ni = n, data = mi); ft <- list()
inv <- function(t, n) { s <- sin(2 * t); .5 * (1 - sign(cos(2 * t)) * sqrt(1 - (s + (s - 1 / s) / n)^2)) }
hm <- 1 / mean(1 / mi$n)
for (u in c(FALSE, TRUE)) { r <- rma(yi, vi, method = "EE", data = e, weighted = u); b <- c(coef(r), r$ci.lb, r$ci.ub)
  ft[[length(ft) + 1]] <- data.frame(dataset = "miller1978", weighted = tolower(u), mean_transformed = b[1], se = r$se, transformed_low = b[2], transformed_high = b[3], harmonic_mean_n = hm,
    estimate = inv(b[1], hm), conf_low = inv(b[2], hm), conf_high = inv(b[3], hm), conf_level = .95)
  stopifnot(abs(transf.ipft.hm(b[1], targs = list(ni = mi$n)) - inv(b[1], hm)) < 1e-12) }
write_ref(do.call(rbind, ft), here("pooling_freeman_tukey.csv"), "Miller 1978 Am Stat 32:138; printed there .3164 (unweighted), .3595 (weighted)", paste0("scripts/pooling.R, ", pkg("metafor")),
  c("transform (asin sqrt(x/(n+1)) + asin sqrt((x+1)/(n+1)))/2, variance 1/(4n+2) (metafor PFT); equal-effects mean, weighted by 1/variance or not; back-transformed with the harmonic mean of n"))
print(subset(out, grepl("clasp|raud|linde", dataset))[, c(1, 2, 4:6, 9, 13, 14)], digits = 5); print(ci, digits = 5); print(do.call(rbind, ft), digits = 5)
sub <- subset(out, dataset == "linde2005_17_logrr" & estimator %in% c("EE", "DL")); print(exp(sub[, c("mu", "conf_low", "conf_high", "pi_normal_low", "pi_normal_high", "pi_t_k2_low", "pi_t_k2_high")])); print(sub$Q)
