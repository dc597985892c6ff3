# Kaplan-Meier, Aalen-Johansen, log-rank, restricted mean and Cox regression by R's survival and cmprsk.
# Run in this folder after survival_inputs.R: Rscript survival.R
source("common.R")
suppressMessages({library(survival); library(cmprsk)})
rdc <- function(f) read.csv(here("inputs", f), comment.char = "#", stringsAsFactors = FALSE)
made <- paste0("scripts/survival.R, ", pkg("survival", "cmprsk"))
lung <- rdc("survival_lung.csv"); vet <- rdc("survival_veteran.csv"); mgus2 <- rdc("survival_mgus2.csv")
heart <- rdc("survival_heart.csv"); cases <- rdc("survival_cases.csv"); savvyr <- rdc("survival_savvyr_n25.csv"); test1 <- rdc("survival_test1.csv")
cell <- match(vet$celltype, sort(unique(vet$celltype)))
sets <- list(lung = data.frame(time = lung$time, event = lung$event, group = lung$sex, stratum = ifelse(is.na(lung$ph_ecog), -1, lung$ph_ecog), entry = NA, weight = 1),
  veteran = data.frame(time = vet$time, event = vet$event, group = vet$trt, stratum = cell, entry = NA, weight = 1),
  veteran_cell = data.frame(time = vet$time, event = vet$event, group = cell, stratum = vet$trt, entry = NA, weight = 1))
for (n in unique(cases$name)) sets[[n]] <- cases[cases$name == n, ]

## ---- Kaplan-Meier ----
fit <- function(d, type, level) {
  y <- if (all(is.na(d$entry))) Surv(d$time, d$event) else Surv(d$entry, d$time, d$event)
  survfit(y ~ 1, weights = d$weight, conf.type = type, conf.int = level, robust = FALSE)
}
km <- list(); qu <- list(); rm <- list()
taus <- c(lung = 365, veteran = 180, veteran_cell = 150)
for (nm in names(sets)) for (g in sort(unique(sets[[nm]]$group))) for (level in c(.95, .9)) {
  d <- sets[[nm]]; d <- d[d$group == g, ]
  a <- fit(d, "log-log", level); b <- fit(d, "plain", level)
  if (nm %in% cases$name || level == .95) km[[length(km) + 1]] <- data.frame(dataset = nm, group = g, conf_level = level, time = a$time, at_risk = a$n.risk, events = a$n.event,
    survival = a$surv, std_error = a$std.err * a$surv, low_loglog = a$lower, high_loglog = a$upper, low_plain = b$lower, high_plain = b$upper)
  for (p in c(.25, .5, .75)) { q <- quantile(a, p); qu[[length(qu) + 1]] <- data.frame(dataset = nm, group = g, conf_level = level, share = p, estimate = as.numeric(q$quantile), low = as.numeric(q$lower), high = as.numeric(q$upper)) }
  if (level == .95 && all(is.na(d$entry)) && any(d$event == 1)) for (tau in unique(c(na.omit(taus[nm]), max(d$time), max(d$time) / 2))) if (tau >= min(d$time)) {
    t <- summary(a, rmean = tau)$table
    rm[[length(rm) + 1]] <- data.frame(dataset = nm, group = g, tau = tau, estimate = as.numeric(t["rmean"]), std_error = as.numeric(t["se(rmean)"])) }
}
write_ref(do.call(rbind, km), here("survival_kaplan_meier.csv"), "R survfit, conf.type log-log and plain, weights as multiplicities (robust = FALSE)", made,
  "std_error: of survival (survfit's std.err times surv); empty where R gives NA, NaN or no limits (survival 0 or 1)")
write_ref(do.call(rbind, qu), here("survival_quantiles.csv"), "R quantile.survfit, conf.type log-log", made, "empty where R gives NA: not reached")
write_ref(do.call(rbind, rm), here("survival_restricted_mean.csv"), "R summary(survfit, rmean = tau)$table", made, "std_error empty or 0 where the curve has reached 0 or has no events")

## ---- Aalen-Johansen: incidence by survfit, Greenwood-type variance by the matrix recursion ----
# Andersen Borgan Gill Keiding 1993, (4.4.19) with multinomial covariances of the increments; states 0, 1..J.
aj <- function(time, cause) {
  J <- max(cause); S <- J + 1; P <- diag(S); V <- matrix(0, S * S, S * S); out <- list()
  for (t in sort(unique(time))) { n <- sum(time >= t); d <- sapply(1:J, function(j) sum(time == t & cause == j)); h <- d / n
    dA <- matrix(0, S, S); dA[1, ] <- c(-sum(h), h)
    C <- matrix(0, S * S, S * S); at <- (0:J) * S + 1                     # positions of row 1 in vec(dA)
    M <- (diag(h, J) - outer(h, h)) / n; full <- rbind(c(sum(M), -colSums(M)), cbind(-rowSums(M), M)); C[at, at] <- full
    L <- t(diag(S) + dA) %x% diag(S); R <- diag(S) %x% P
    V <- L %*% V %*% t(L) + R %*% C %*% t(R); P <- P %*% (diag(S) + dA)
    out[[length(out) + 1]] <- data.frame(time = t, cause = 1:J, incidence = P[1, -1], variance = diag(V)[at][-1]) }
  do.call(rbind, out)
}
tail3 <- function(nm, d) { f <- survfit(Surv(d$time, factor(d$cause, 0:max(d$cause))) ~ 1); ours <- aj(d$time, d$cause)
  cr <- cuminc(d$time, d$cause, cencode = 0)
  ours$survfit <- f$pstate[cbind(match(ours$time, f$time), ours$cause + 1)]
  stopifnot(max(abs(ours$survfit - ours$incidence)) < 1e-12)
  ours$cuminc <- NA; for (j in unique(ours$cause)) if (any(d$cause == j)) { tp <- timepoints(cr[sprintf("1 %d", j)], ours$time[ours$cause == j])$est; ours$cuminc[ours$cause == j] <- tp }
  data.frame(dataset = nm, ours) }
savvyr2 <- data.frame(time = savvyr$time, cause = ifelse(savvyr$type == 3, 0, savvyr$type))
m <- mgus2[mgus2$time > 0, ]; keep <- function(r) r[r$time %in% quantile(unique(r$time), c(.02, .1, .25, .5, .75, .9, 1), type = 1), ]
set.seed(3); ties <- data.frame(time = sample(1:6, 40, TRUE), cause = sample(0:3, 40, TRUE))
write_ref(data.frame(ties), here("inputs", "survival_competing_ties.csv"), "simulated for these tests: three competing causes with many ties", "scripts/survival.R, R seed 3")
r <- rbind(tail3("savvyr_n25", savvyr2), tail3("savvyr_n25_all_types", data.frame(time = savvyr$time, cause = savvyr$type)), tail3("competing_ties", ties), keep(tail3("mgus2", m)))
write_ref(r, here("survival_aalen_johansen.csv"), "incidence: R survfit (multi-state) and cmprsk cuminc; variance: matrix recursion of Andersen et al. 1993 (4.4.19) with multinomial increments, in the script", made,
  "savvyr_n25: type 3 counted as censored; mgus2: rows with time 0 left out; not all of its times kept")

## ---- log-rank ----
lr <- list()
for (nm in names(sets)) { d <- sets[[nm]]; if (length(unique(d$group)) < 2) next
  for (rho in c(0, 1, .5)) for (strat in c(FALSE, TRUE)) { if (strat && length(unique(d$stratum)) < 2) next
    f <- if (strat) survdiff(Surv(time, event) ~ group + strata(stratum), d, rho = rho) else survdiff(Surv(time, event) ~ group, d, rho = rho)
    o <- if (is.matrix(f$obs)) rowSums(f$obs) else f$obs; e <- if (is.matrix(f$exp)) rowSums(f$exp) else f$exp
    s <- seq_along(o); z <- sum(s * (o - e)) / sqrt(drop(s %*% f$var %*% s))
    lr[[length(lr) + 1]] <- data.frame(dataset = nm, stratified = as.numeric(strat), rho = rho, statistic = f$chisq, df = sum(e > 0) - 1, p_value = pchisq(f$chisq, sum(e > 0) - 1, lower.tail = FALSE),
      observed_1 = o[1], expected_1 = e[1], trend_z = z) } }
write_ref(do.call(rbind, lr), here("survival_log_rank.csv"), "R survdiff; trend_z: sum of group number x (observed - expected) over its standard deviation, from survdiff's var (Tarone 1975)", made,
  "groups numbered 1, 2, ...; veteran_cell: groups are the cell types in alphabetical order, stratum the treatment; lung: stratum -1 where ph_ecog is missing")

## ---- Cox ----
cx <- list()
cox <- function(nm, f, data, cluster = NULL) for (ties in c("efron", "breslow")) {
  d <<- data                                 # residuals() looks the data up again by this name
  a <- coxph(f, d, ties = ties, control = cc); R <- residuals(a, "score"); R <- matrix(R, ncol = length(coef(a)))
  sand <- function(g) { S <- if (is.null(g)) R else rowsum(R, g); sqrt(diag(vcov(a) %*% crossprod(S) %*% vcov(a))) }
  cx[[length(cx) + 1]] <<- data.frame(dataset = nm, ties, term = seq_along(coef(a)), coefficient = as.numeric(coef(a)), std_error = sqrt(diag(vcov(a))), robust_row = sand(NULL),
    robust_cluster = if (is.null(cluster)) NA else sand(cluster), log_likelihood_at_zero = a$loglik[1], log_likelihood = a$loglik[2]) }
cc <- coxph.control(eps = 1e-14, iter.max = 50, toler.chol = 1e-15)
cox("lung", Surv(time, event) ~ age + sex, lung)
cox("lung_strata", Surv(time, event) ~ age + sex + strata(ph_ecog), lung[!is.na(lung$ph_ecog), ])
cox("veteran", Surv(time, event) ~ trt + karno + age, vet)
cox("veteran_strata", Surv(time, event) ~ trt + karno + strata(celltype), vet)
cox("heart", Surv(start, stop, event) ~ age + surgery + transplant, heart, heart$id)
cox("test1", Surv(time, event) ~ x, test1)
h <- cases[cases$name == "heavy_ties", ]; cox("heavy_ties", Surv(time, event) ~ group, h)
l <- cases[cases$name == "late_entry", ]; l$x <- seq_len(nrow(l)) %% 3; cox("late_entry", Surv(entry, time, event) ~ x, l)
write_ref(do.call(rbind, cx), here("survival_cox.csv"), "R coxph to full convergence (eps 1e-14); robust: sandwich of its score residuals by row and by cluster (heart: subject)", made,
  "terms in the order lung age, sex; veteran trt, karno, (age); heart age, surgery, transplant; late_entry x = row number modulo 3")
