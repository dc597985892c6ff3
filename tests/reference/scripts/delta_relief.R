# Shares with an event by a horizon when the hazard after censoring is multiplied, from Kaplan-Meier curves by R survival.
# expected: known events plus, for those censored before, 1 - (S(horizon) / S(censoring))^delta on their own group's curve.
# pooled, std_error: 4000 imputations on bootstrap samples of the group (approximate Bayesian bootstrap), event times drawn
# from the conditional curve, binomial variances, Rubin's rules.
# Run in this folder: Rscript delta_relief.R     Needs survival.
source("common.R"); made_on <- "2026-11-24"; suppressMessages(library(survival)); by <- "scripts/delta_relief.R"
lung <- read.csv(here("inputs", "survival_lung.csv"), comment.char = "#"); set.seed(5)
m <- 4000; horizon <- 365; deltas <- c(0, 0.3, 1, 2.5)
at <- function(time, s, t) c(1, s)[findInterval(t, time) + 1]
curve <- function(d) { f <- survfit(Surv(time, event) ~ 1, data = d); list(time = f$time, s = f$surv) }
rows <- list()
for (g in 1:2) {
  d <- lung[lung$sex == g, ]; n <- nrow(d); gone <- d$time[d$event == 0 & d$time < horizon]; known <- sum(d$event == 1 & d$time <= horizon)
  whole <- curve(d); later <- at(whole$time, whole$s, horizon) / at(whole$time, whole$s, gone)
  draws <- matrix(0, m, length(deltas))
  for (i in 1:m) {
    f <- curve(d[sample(n, replace = TRUE), ]); u <- runif(length(gone)); before <- at(f$time, f$s, gone)
    for (j in seq_along(deltas)) {
      time <- vapply(seq_along(gone), function(k) {   # first time at which the conditional curve falls to u or below
        if (before[k] <= 0 || deltas[j] == 0) return(Inf)
        cond <- pmin(f$s / before[k], 1)^deltas[j]; hit <- f$time > gone[k] & cond <= u[k]
        if (any(hit)) f$time[which(hit)[1]] else Inf }, 0)
      draws[i, j] <- (known + sum(time <= horizon)) / n } }
  for (j in seq_along(deltas)) {
    share <- draws[, j]; total <- mean(share * (1 - share) / n) + (1 + 1 / m) * var(share)
    rows[[length(rows) + 1]] <- data.frame(group = g, horizon = horizon, delta = deltas[j], n = n, left = length(gone),
      expected = (known + sum(1 - later^deltas[j])) / n, pooled = mean(share), monte_carlo_se = sqrt(var(share) / m), std_error = sqrt(total)) } }
write_ref(do.call(rbind, rows), here("delta_relief.csv"), "R survfit on inputs/survival_lung.csv, groups of sex",
  paste0(by, ", ", pkg("survival"), ", R seed 5"), "pooled and std_error are of 4000 random imputations")
