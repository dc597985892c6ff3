# Covariate-adjusted marginal risks (g-computation) and their variances. Run in this folder: Rscript adjusted_rd.R
# Needs sandwich; beeca and RobinCar2 only for the checks.
source("common.R")
suppressMessages(library(sandwich))
rd <- function(f) read.csv(here("inputs", f), comment.char = "#")
rows <- list()
gcomp <- function(dataset, data, y, trt, covs, family, model) {
  data <- data[!is.na(data[[y]]), ]; data[[trt]] <- factor(data[[trt]]); lv <- levels(data[[trt]])
  f <- reformulate(model, y); fit <- glm(f, family = family, data = data, control = list(epsilon = 1e-15, maxit = 100))
  n <- nrow(data); Y <- data[[y]]; A <- data[[trt]]
  P <- sapply(lv, function(l) { d <- data; d[[trt]] <- factor(l, lv); predict(fit, d, type = "response") })
  D <- t(sapply(lv, function(l) { d <- data; d[[trt]] <- factor(l, lv); X <- model.matrix(delete.response(terms(fit)), d)
    colMeans(fit$family$mu.eta(as.vector(X %*% coef(fit))) * X) }))
  mu <- colMeans(P)
  ye <- function(mod) { pi <- as.vector(prop.table(table(A))); V <- matrix(0, length(lv), length(lv))
    for (i in seq_along(lv)) for (j in seq_along(lv)) { a <- A == lv[i]; b <- A == lv[j]
      V[i, j] <- if (i == j) { cv <- cov(Y[a], P[a, i])
        vr <- if (mod) var(Y[a] - P[a, i]) else var(Y[a]) - 2 * cv + var(P[, i])
        vr / pi[i] + 2 * cv - var(P[, i])
      } else cov(Y[a], P[a, j]) + cov(Y[b], P[b, i]) - cov(P[, i], P[, j]) }
    V / n }
  # sandwich allowing for random covariates: influence function of the whole M-estimator, 1/n^2 sum psi^2
  X <- model.matrix(fit); infl <- estfun(fit) %*% bread(fit)
  psi <- sweep(P, 2, mu) + infl %*% t(D)
  vs <- list(ge_model = D %*% vcov(fit) %*% t(D), ge_hc0 = D %*% vcovHC(fit, type = "HC0") %*% t(D),
             ge_hc1 = D %*% vcovHC(fit, type = "HC1") %*% t(D),
             ye = ye(FALSE), ye_mod = ye(TRUE), m_estimation = crossprod(psi) / n^2)
  z <- qnorm(.975); L <- length(lv)
  for (v in names(vs)) { V <- vs[[v]]
    put <- function(what, a1, a2, est, g) { se <- sqrt(as.numeric(t(g) %*% V %*% g))
      rows[[length(rows) + 1]] <<- data.frame(dataset = dataset, model = paste(y, "~", paste(model, collapse = " + ")), family = family$family, n = n,
        quantity = what, arm = a1, reference = a2, variance_method = v, estimate = est, se = se, variance = se^2,
        conf_low = est - z * se, conf_high = est + z * se, conf_level = .95) }
    for (i in 1:L) put("mean", lv[i], "", mu[[i]], as.numeric(1:L == i))
    for (i in 2:L) { e <- function(i) as.numeric(1:L == i)
      put("difference", lv[i], lv[1], mu[[i]] - mu[[1]], e(i) - e(1))
      put("log_risk_ratio", lv[i], lv[1], log(mu[[i]] / mu[[1]]), e(i) / mu[[i]] - e(1) / mu[[1]])
      put("log_odds_ratio", lv[i], lv[1], qlogis(mu[[i]]) - qlogis(mu[[1]]), e(i) / (mu[[i]] * (1 - mu[[i]])) - e(1) / (mu[[1]] * (1 - mu[[1]]))) }
  }
}
t1 <- rd("beeca_trial01.csv"); t2 <- rd("beeca_trial02.csv"); g <- rd("robincar2_glm_data.csv")
gcomp("beeca_trial01", t1, "aval", "trtp", "bl_cov", binomial(), c("trtp", "bl_cov"))
gcomp("beeca_trial02", t2, "AVAL", "TRTPN", "SEX", binomial(), c("TRTPN", "SEX"))
gcomp("robincar2_glm_data", g, "y_b", "treatment", "s1", gaussian(), c("treatment", "s1"))
gcomp("robincar2_glm_data", g, "y_b", "treatment", "s1", gaussian(), "treatment * s1")
gcomp("robincar2_glm_data", g, "y_b", "treatment", "s1", binomial(), c("treatment", "s1"))
gcomp("robincar2_glm_data", g, "y_b", "treatment", "s1", binomial(), "treatment * s1")
out <- do.call(rbind, rows)
write_ref(out, here("adjusted_rd.csv"),
  "g-computation with a logistic or linear working model; Ge 2011 Drug Inf J 45:481 (delta method), Ye Bannick Yi Shao 2023 Stat Theory Relat Fields (robust); data of beeca 0.2.0 and RobinCar2 0.2.3.9000",
  paste0("scripts/adjusted_rd.R, ", pkg("sandwich", "beeca", "RobinCar2")),
  c("rows with missing outcome dropped; glm run to epsilon 1e-15; interval estimate -+ 1.959963984540054 se; difference = arm - reference",
    "ge_model: delta method, model-based vcov, covariates fixed; ge_hc0, ge_hc1: the same with sandwich HC0 (HC1 = n/(n-p))",
    "ye: beeca method Ye with mod=FALSE (= RobinCar); ye_mod: mod=TRUE; all var and cov with divisor n-1; no stratified-randomisation adjustment",
    "m_estimation: full influence function including the covariates' own sampling, sum of squares / n^2"))

cat("-- against print\n")
s <- subset(out, dataset == "beeca_trial01" & (quantity %in% c("mean", "difference"))); print(s[, c(5:10, 12, 13)], digits = 9)
s <- subset(out, dataset == "beeca_trial02" & quantity == "mean" & variance_method %in% c("ye", "ye_mod")); print(s[, c(6, 8, 9, 11)], digits = 10)
s <- subset(out, dataset == "robincar2_glm_data" & variance_method %in% c("ye", "ye_mod", "m_estimation") & quantity != "log_odds_ratio"); print(s[, c(2, 3, 5, 6, 8, 9, 10)], digits = 7)
