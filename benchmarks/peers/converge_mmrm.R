# Whether R's mixed models reach a maximum on tables given: one line per file and package, with the deviance.
# Run: Rscript converge_mmrm.R FILE.csv ...
options(warn = -1); Sys.setenv(OMP_NUM_THREADS = "1")
have <- function(p) requireNamespace(p, quietly = TRUE)
said <- function(run) { noted <- FALSE
  value <- tryCatch(withCallingHandlers(run(), warning = function(w) { noted <<- TRUE; invokeRestart("muffleWarning") }, message = function(m) invokeRestart("muffleMessage")), error = function(e) NULL)
  if (is.null(value)) "failed," else sprintf("%s,%.8f", if (noted) "warned" else "converged", -2 * as.numeric(logLik(value))) }
for (path in commandArgs(TRUE)) {
  d <- read.csv(path, stringsAsFactors = TRUE); d$avisit <- factor(d$avisit); d$usubjid <- factor(d$usubjid); d$t <- as.integer(d$avisit)
  one <- function(what, run) cat(sprintf("%s,%s,%s\n", basename(path), what, said(run)))
  if (have("mmrm")) one("mmrm", function() { o <- mmrm::mmrm(y ~ trt01a * avisit + us(avisit | usubjid), d); if (!isTRUE(attr(o, "converged"))) warning("not converged"); o })
  if (have("glmmTMB")) one("glmmTMB", function() glmmTMB::glmmTMB(y ~ trt01a * avisit + us(0 + avisit | usubjid), dispformula = ~ 0, REML = TRUE, data = d))
}
