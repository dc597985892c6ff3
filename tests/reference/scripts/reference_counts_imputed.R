# Reference-based imputation of counts by R dejaVu on the simulated events of reference_counts.R, covariates left out.
# Run in this folder after reference_counts.R: Rscript reference_counts_imputed.R     Needs dejaVu.
source("common.R"); made_on <- "2026-11-24"; suppressMessages(library(dejaVu)); by <- "scripts/reference_counts_imputed.R"
d <- read.csv(here("inputs", "reference_counts_events.csv"), comment.char = "#"); set.seed(7); m <- 1500
covar <- data.frame(id = seq_len(nrow(d)), z = as.integer(d$arm == "drug"))
times <- suppressWarnings(expandEventCount(count = d$events, time = d$days))
fit <- Simfit(ImportSim(MakeDejaData(covar, arm = "z", Id = "id"), event.times = times, status = "dropout", study.time = 84,
  censored.time = d$days, allow.beyond.study = FALSE), equal.dispersion = TRUE)
rows <- list(); add <- function(strategy, how, delta = c(1, 1)) {
  s <- summary(Simfit(Impute(fit, how, m), family = "negbin"))
  est <- log(s$treatment.effect); se <- s$se
  rows[[length(rows) + 1]] <<- data.frame(strategy = strategy, delta_placebo = delta[1], delta_drug = delta[2], log_ratio = est, std_error = se, imputations = m) }
add("mar", weighted_j2r(trt.weight = 1)); add("jump_to_reference", weighted_j2r(trt.weight = 0)); add("copy_reference", copy_reference())
add("mar", weighted_j2r(trt.weight = 1, delta = c(0.6, 1.8)), c(0.6, 1.8))
write_ref(do.call(rbind, rows), here("reference_counts_imputed.csv"), "R dejaVu 0.3.1 on inputs/reference_counts_events.csv, 84 days planned",
  paste0(by, ", ", pkg("dejaVu", "MASS"), ", R seed 7"), "drug against placebo; random imputations, on the log scale")
