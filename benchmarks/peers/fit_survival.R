# Fit a table of intervals with R's survival: FILE.csv (left, right, n) -> processor seconds, then
# time,mass rows.
# survfit takes (left, right] as we do, and puts each mass at the middle of its cell. What is left of
# the curve at its end lies after the last bound.
suppressMessages(library(survival))
d <- read.csv(commandArgs(TRUE)[1])
d$right[is.infinite(d$right)] <- NA
took <- sum(system.time(
  fit <- survfit(Surv(left, right, type = "interval2") ~ 1, data = d, weights = n)
)[c("user.self", "sys.self")])
mass <- -diff(c(1, fit$surv))
cat(took, "\n", sep = "")
cat(sprintf("%.17g,%.17g\n", fit$time[mass > 0], mass[mass > 0]), sep = "")
cat(sprintf("inf,%.17g\n", fit$surv[length(fit$surv)]))
