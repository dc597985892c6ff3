# Mean changes of placebo arms pooled by REML with Hartung and Knapp's variance; arms of one trial joined by precision first.
# Run in this folder: Rscript placebo_benchmark.R     Needs metafor.
source("common.R"); made_on <- "2026-11-24"; by <- "scripts/placebo_benchmark.R"
arms <- data.frame(study_id = c("a", "b", "b", "c", "d", "e"), mean = c(-6.2, -9.1, -7.4, -11.5, -4.8, -8.3), sd = c(7.1, 8.0, 6.6, 9.2, 5.9, 7.7),
                   n = c(40, 36, 52, 118, 23, 75))
write_ref(arms, here("placebo_benchmark_arms.csv"), "made placebo arms of five trials", by)
arms$v <- arms$sd^2 / arms$n
each <- do.call(rbind, lapply(split(arms, arms$study_id), function(d) { f <- metafor::rma(d$mean, d$v, method = "FE"); data.frame(y = f$b[1], v = f$se^2) }))
pool <- function(level) {
  f <- metafor::rma(y, v, data = each, method = "REML", test = "knha", level = 100 * level, control = list(threshold = 1e-12, maxiter = 1000))
  half <- qt(0.5 + level / 2, nrow(each) - 2) * sqrt(f$tau2 + f$se^2)
  data.frame(conf_level = level, estimate = f$b[1], std_error = f$se, conf_low = f$ci.lb, conf_high = f$ci.ub, tau2 = f$tau2, new_low = f$b[1] - half, new_high = f$b[1] + half) }
write_ref(do.call(rbind, lapply(c(0.9, 0.95), pool)), here("placebo_benchmark.csv"), "pooled mean change of placebo_benchmark_arms.csv; range of a new trial with t on k - 2", paste0(by, ", ", pkg("metafor")))
