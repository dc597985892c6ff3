# Regression of interval-censored times: survreg for accelerated failure times; on a common schedule the
# semi-parametric models are a binomial regression (proportional hazards) and an ordinal one (proportional odds).
# Run in this folder: Rscript regression.R    Needs survival, MASS.
source("common.R"); made_on <- "2026-11-24"
suppressMessages({library(survival); library(MASS)})
rdc <- function(f) read.csv(here("inputs", f), comment.char = "#", stringsAsFactors = FALSE)
wr <- function(d, f, ...) { for (j in seq_along(d)) if (is.numeric(d[[j]])) d[[j]] <- num(d[[j]])
  writeLines(c(paste("#", c(...)), paste(names(d), collapse = ","), do.call(paste, c(unname(as.list(d)), sep = ","))), here("inputs", f)) }
by <- paste0("made: scripts/regression.R, ", R.version.string, ", date ", made_on)

## ---- made data ----
set.seed(20261124, kind = "Mersenne-Twister")
n <- 150; arm <- sample(c("a", "b", "c"), n, TRUE); z <- round(rnorm(n), 2)
t <- round(exp(2 + .4 * z - .5 * (arm == "b") + .2 * (arm == "c") + .6 * log(rexp(n))), 1) + .1
kind <- sample(c("exact", "interval", "left", "right"), n, TRUE, c(.3, .4, .1, .2)); w <- round(runif(n, .5, 6), 1)
left <- ifelse(kind == "exact", t, ifelse(kind == "left", 0, ifelse(kind == "right", pmax(round(t * .7, 1), .1), pmax(round(t - w * runif(n), 1), 0))))
right <- ifelse(kind == "exact", t, ifelse(kind == "right", Inf, round(t + w, 1)))
wr(data.frame(left, right, z, arm), "regression_mixed.csv", "source: simulated; exact, interval-, left- and right-censored Weibull times in (left, right]", by)
n <- 300; arm <- rbinom(n, 1, .5); z <- round(rnorm(n), 1); visits <- c(4, 24, 72, 168, 336, 504)
t <- 120 * exp(-.6 * arm + .3 * z) * rexp(n)^(1 / .8); k <- findInterval(t, visits, left.open = TRUE)
wr(data.frame(left = c(0, visits)[k + 1], right = c(visits, Inf)[k + 1], z, arm), "regression_schedule.csv", "source: simulated; Weibull times seen at 4, 24, 72, 168, 336, 504 hours, nobody drops out", by)
out <- sample(1:9, n, TRUE); k2 <- pmin(k, out); gone <- k2 < k | (k2 == out & k >= out)
wr(data.frame(left = c(0, visits)[pmin(k2, 6) + 1], right = ifelse(gone | k >= 6, Inf, c(visits, Inf)[k + 1]), z, arm), "regression_dropout.csv", "source: the times of regression_schedule.csv, right-censored at a random visit in some", by)

## ---- survreg ----
D <- list(bcos = transform(rdc("bcos_intervals.csv"), x = as.numeric(treatment == "RadChem")),
  lung = transform(rdc("survival_lung.csv"), left = time, right = ifelse(event == 1, time, Inf)), mixed = rdc("regression_mixed.csv"))
F <- list(bcos = ~ x, lung = ~ age + sex, mixed = ~ z + arm); P <- list(bcos = "x", lung = "sex", mixed = "z")
ctl <- survreg.control(rel.tolerance = 1e-14, maxiter = 500, toler.chol = 1e-14)
rows <- list(); preds <- list()
for (nm in names(D)) for (dist in c("weibull", "loglogistic", "lognormal")) { d <- D[[nm]]
  d$l <- ifelse(d$left == 0, NA, d$left); d$r <- ifelse(is.infinite(d$right), NA, d$right)
  f <- update(F[[nm]], Surv(l, r, type = "interval2") ~ .); m <- survreg(f, d, dist = dist, control = ctl)
  m0 <- survreg(Surv(l, r, type = "interval2") ~ 1, d, dist = dist, control = ctl)
  est <- c(coef(m), "log(scale)" = log(m$scale)); se <- sqrt(diag(m$var)); lim <- matrix(NA, length(est), 2, dimnames = list(names(est), NULL)); v <- P[[nm]]
  prof <- function(b) { d$off <- b * d[[v]]; g <- update(f, as.formula(paste(". ~ . -", v, "+ offset(off)"))); environment(g) <- environment()
    2 * (m$loglik[2] - tail(survreg(g, d, dist = dist, control = ctl)$loglik, 1)) - qchisq(.95, 1) }
  lim[v, ] <- c(root(prof, est[[v]] - 6 * se[names(est) == v], est[[v]]), root(prof, est[[v]], est[[v]] + 6 * se[names(est) == v]))
  rows[[length(rows) + 1]] <- data.frame(dataset = nm, model = dist, parameter = names(est), estimate = est, std_error = se, profile_low = lim[, 1], profile_high = lim[, 2], loglik = m$loglik[2], loglik_null = m0$loglik[1])
  if (nm == "bcos") { nd <- data.frame(x = 0:1); u <- predict(m, nd, type = "uquantile", p = c(.25, .5, .9), se.fit = TRUE); lp <- predict(m, nd, type = "lp")
    for (i in 1:2) { preds[[length(preds) + 1]] <- data.frame(model = dist, x = nd$x[i], quantity = "quantile", at = c(.25, .5, .9), value = exp(u$fit[i, ]), log_std_error = u$se.fit[i, ])
      preds[[length(preds) + 1]] <- data.frame(model = dist, x = nd$x[i], quantity = "survival", at = c(6, 24, 48), value = 1 - psurvreg(c(6, 24, 48), lp[i], m$scale, dist), log_std_error = NA) } } }
src <- "accelerated failure time fits of R survreg (Therneau), Surv(left, right, type = interval2); inputs in inputs/"
write_ref(do.call(rbind, rows), here("regression_survreg.csv"), src, paste0("scripts/regression.R, ", pkg("survival")),
  c("bcos: bcos_intervals.csv, x = 1 for RadChem; lung: survival_lung.csv; mixed: regression_mixed.csv", "profile_low, profile_high: 95% likelihood-ratio limits by survreg with an offset and uniroot"))
write_ref(do.call(rbind, preds), here("regression_survreg_predict.csv"), src, paste0("scripts/regression.R, ", pkg("survival")),
  c("predict(type = uquantile) and psurvreg for bcos; log_std_error is that of the log quantile"))

## ---- common schedules ----
rows <- list()
put <- function(dataset, model, parameter, estimate, std_error = NA, low = NA, high = NA, loglik, software)
  rows[[length(rows) + 1]] <<- data.frame(dataset, model, parameter, estimate, std_error, profile_low = low, profile_high = high, loglik, software)
ctl <- glm.control(epsilon = 1e-15, maxit = 200)
for (nm in c("schedule", "dropout")) { d <- rdc(paste0("regression_", nm, ".csv"))
  pp <- do.call(rbind, lapply(seq_len(nrow(d)), function(i) { j <- which(visits <= ifelse(is.infinite(d$right[i]), d$left[i], d$right[i]))
    if (length(j)) data.frame(visit = factor(j, levels = 1:6), y = as.numeric(visits[j] == d$right[i]), z = d$z[i], arm = d$arm[i]) }))
  fit <- function(f, off = NULL) { pp$off <- if (is.null(off)) 0 else off; glm(update(f, . ~ . + offset(off)), binomial("cloglog"), pp, control = ctl) }
  m <- fit(y ~ visit + arm + z); ll <- as.numeric(logLik(m))
  pl <- function(b) as.numeric(logLik(fit(y ~ visit + z, b * pp$arm)))
  lim <- c(root(function(b) 2 * (ll - pl(b)) - qchisq(.95, 1), coef(m)[["arm"]] - 1, coef(m)[["arm"]]), root(function(b) 2 * (ll - pl(b)) - qchisq(.95, 1), coef(m)[["arm"]], coef(m)[["arm"]] + 1))
  h <- .02; b <- coef(m)[["arm"]]; curv <- (-pl(b + 2 * h) + 16 * pl(b + h) - 30 * ll + 16 * pl(b - h) - pl(b - 2 * h)) / (12 * h^2)
  put(nm, "ph", "arm", b, sqrt(-1 / curv), lim[1], lim[2], ll, "glm cloglog"); put(nm, "ph", "z", coef(m)[["z"]], loglik = ll, software = "glm cloglog") }
d <- rdc("regression_schedule.csv"); d$y <- factor(d$right, levels = c(visits, Inf), ordered = TRUE)
for (mod in c("ph", "po")) { m <- polr(y ~ arm + z, d, method = c(ph = "cloglog", po = "logistic")[[mod]], Hess = TRUE, control = list(reltol = 1e-16, maxit = 5000))
  for (v in c("arm", "z")) put("schedule", mod, v, -coef(m)[[v]], sqrt(diag(vcov(m)))[[v]], loglik = as.numeric(logLik(m)), software = "MASS polr") }
write_ref(do.call(rbind, rows), here("regression_schedule.csv"), "semi-parametric models on common schedules as binomial (person-visits, cloglog) and ordinal regressions in R; inputs/regression_schedule.csv, regression_dropout.csv",
  paste0("scripts/regression.R, ", pkg("MASS")), c("signs: positive = event earlier, the odds are those of the event having come; polr's own sign is the opposite",
  "glm rows: std_error of arm from a five-point second difference of the profile log-likelihood, limits by uniroot; polr: reltol 1e-16, numerical Hessian"))
