# Response and remission from scores filled in by R rbmi (approximate Bayesian: fits to resampled patients, random imputations), difference of shares by Rubin's rules.
# Run in this folder: Rscript reference_response.R     Needs rbmi, mmrm. Takes some minutes.
source("common.R"); made_on <- "2026-11-24"; suppressMessages({library(rbmi); library(mmrm)}); by <- "scripts/reference_response.R"
hamd <- read.csv(file.path("..", "..", "..", "data", "antidepressant_hamd17", "antidepressant_hamd17.csv"), comment.char = "#"); names(hamd) <- toupper(names(hamd))
hamd$PATIENT <- factor(hamd$PATIENT); hamd$VISIT <- factor(hamd$VISIT)
hamd <- expand(hamd, PATIENT = levels(hamd$PATIENT), VISIT = levels(hamd$VISIT)); hamd <- hamd[order(hamd$PATIENT, hamd$VISIT), ]
for (v in c("BASVAL", "THERAPY")) hamd[[v]] <- ave(as.character(hamd[[v]]), hamd$PATIENT, FUN = function(x) x[!is.na(x)][1]); hamd$BASVAL <- as.numeric(hamd$BASVAL); hamd$THERAPY <- relevel(factor(hamd$THERAPY), "PLACEBO")
vars <- set_vars(outcome = "CHANGE", visit = "VISIT", subjid = "PATIENT", group = "THERAPY", covariates = c("BASVAL*VISIT", "THERAPY*VISIT"))
ice_of <- function(strategy) { do.call(rbind, lapply(split(hamd, hamd$PATIENT), function(x) { last <- max(which(!is.na(x$CHANGE))); if (last == 4) NULL else data.frame(PATIENT = x$PATIENT[1], VISIT = x$VISIT[last + 1], strategy = strategy) })) }
rows <- list(); M <- 1000
for (s in c("MAR", "JR", "CIR")) { set.seed(20261124)
  dr <- suppressWarnings(draws(data = hamd, data_ice = ice_of(s), vars = vars, method = method_approxbayes(covariance = "us", n_samples = M), quiet = TRUE)); im <- impute(dr, references = c(PLACEBO = "PLACEBO", DRUG = "PLACEBO"))
  for (rule in c("response_50", "remission_7")) {
    share <- function(data, ...) { d <- data[data$VISIT == "7", ]; met <- if (rule == "response_50") d$CHANGE <= -0.5 * d$BASVAL + 1e-9 else d$CHANGE + d$BASVAL <= 7 + 1e-9
      p <- tapply(met, d$THERAPY, mean); n <- tapply(met, d$THERAPY, length); list(diff = list(est = unname(p["DRUG"] - p["PLACEBO"]), se = unname(sqrt(sum(p * (1 - p) / n))), df = length(met) - 2)) }
    an <- analyse(im, share, vars = vars); each <- sapply(an$results, function(r) r$diff$est); p <- as.data.frame(pool(an))
    rows[[length(rows) + 1]] <- data.frame(strategy = c(MAR = "mar", JR = "jump_to_reference", CIR = "copy_increments")[[s]], rule = paste0("hamd17:", rule), estimate = p$est, std_error = p$se, conf_low = p$lci, conf_high = p$uci, monte_carlo_se = sd(each) / sqrt(M)) } }
write_ref(do.call(rbind, rows), here("reference_response.csv"), "shares that meet a rule at week 6 (DRUG minus PLACEBO) from scores imputed by R rbmi 1.6.0.9000 (commit 5961fa0), approximate Bayesian, 1,000 imputations", paste0(by, ", ", pkg("rbmi", "mmrm")), "antidepressant trial; variance of a share p (1 - p) / n; Rubin's rules; monte_carlo_se is the deviation of the estimates over the root of 1,000")
