# Negative binomial regressions by R MASS glm.nb: coefficients, theta and standard errors.
# quine: days absent from school; epil4: seizures of the last period; events: simulated events in unequal time with an offset.
# Run in this folder: Rscript reference_counts.R     Needs MASS.
source("common.R"); made_on <- "2026-11-24"; suppressMessages(library(MASS)); by <- "scripts/reference_counts.R"
set.seed(12); n <- 90
events <- data.frame(arm = rep(c("drug", "placebo"), n / 2), base = round(rnorm(n), 2), days = round(runif(n, 5, 84)))
events$events <- rnbinom(n, mu = exp(-2.2 - 0.5 * (events$arm == "drug") + 0.2 * events$base) * events$days, size = 1.3)
write_ref(events, here("inputs", "reference_counts_events.csv"), "simulated for these tests", paste0(by, ", R seed 12"), "events in days observed of 84 planned")
q <- quine; q$Age <- as.character(q$Age); write_ref(data.frame(days = q$Days, sex = as.character(q$Sex), age = q$Age, eth = as.character(q$Eth), lrn = as.character(q$Lrn)),
  here("inputs", "reference_counts_quine.csv"), "data set quine of R package MASS (data only, published: Aitkin 1978 J R Stat Soc A 141:195)", by)
e <- epil[epil$period == 4, ]; write_ref(data.frame(y = e$y, trt = as.character(e$trt), base = e$base, age = e$age),
  here("inputs", "reference_counts_epil4.csv"), "data set epil of R package MASS, last period (data only, published: Thall Vail 1990 Biometrics 46:657)", by)
rows <- list(); ctl <- glm.control(epsilon = 1e-14, maxit = 500)
add <- function(dataset, f) {
  s <- summary(f)$coefficients
  rows[[length(rows) + 1]] <<- data.frame(dataset = dataset, term = c(rownames(s), "theta"), estimate = c(s[, 1], f$theta), std_error = c(s[, 2], f$SE.theta), loglik = as.numeric(logLik(f))) }
add("quine", glm.nb(Days ~ Sex + Age + Eth + Lrn, data = q, control = ctl))
e$trt <- relevel(factor(e$trt), "placebo"); add("epil4", glm.nb(y ~ trt + log(base) + age, data = e, control = ctl))
events$arm <- relevel(factor(events$arm), "placebo"); add("events", glm.nb(events ~ arm + base + offset(log(days)), data = events, control = ctl))
write_ref(do.call(rbind, rows), here("reference_counts.csv"), "negative binomial regressions by R glm.nb", paste0(by, ", ", pkg("MASS")), "theta is 1 / dispersion")
