# Times of R's mixed models on the two example trials and on tables given, as CSV on standard output.
# Run: Rscript fit_mmrm.R examples DIR | Rscript fit_mmrm.R table FILE.csv
args <- commandArgs(TRUE)
options(warn = -1)
quiet <- function(e) suppressWarnings(suppressMessages(e))
have <- function(p) requireNamespace(p, quietly = TRUE)
out <- function(trial, what, run, times) {
  ok <- tryCatch({ value <- run(); TRUE }, error = function(e) FALSE)
  if (!ok) { cat(sprintf("%s,%s,failed,\n", trial, what)); return(invisible()) }
  seconds <- vapply(seq_len(times), function(i) { t <- proc.time(); run(); sum((proc.time() - t)[1:2]) }, 0)
  deviance <- tryCatch(-2 * as.numeric(logLik(value)), error = function(e) NA)
  cat(sprintf("%s,%s,%.6f,%.8f\n", trial, what, median(seconds), deviance))
}
if (args[1] == "examples") {
  read <- function(f) { d <- read.csv(file.path(args[2], f), stringsAsFactors = TRUE); d$AVISIT <- factor(d$AVISIT); d }
  fev <- read("fev_data.csv"); bcva <- read("bcva_data.csv"); bcva$USUBJID <- factor(bcva$USUBJID)
  Sys.setenv(OMP_NUM_THREADS = "1")
  if (have("mmrm")) {
    f <- FEV1 ~ RACE + SEX + ARMCD * AVISIT + us(AVISIT | USUBJID)
    out("fev", "mmrm Kenward-Roger", function() quiet(mmrm::mmrm(f, fev, method = "Kenward-Roger")), 21)
    out("fev", "mmrm Satterthwaite", function() quiet(mmrm::mmrm(f, fev, method = "Satterthwaite")), 21)
    g <- BCVA_CHG ~ RACE + BCVA_BL + ARMCD * AVISIT + us(AVISIT | USUBJID)
    out("bcva", "mmrm Kenward-Roger", function() quiet(mmrm::mmrm(g, bcva, method = "Kenward-Roger")), 1)
    out("bcva", "mmrm Satterthwaite", function() quiet(mmrm::mmrm(g, bcva, method = "Satterthwaite")), 3)
  }
  if (have("nlme")) {
    fit <- function(d, f) { y <- all.vars(f)[1]; d <- d[!is.na(d[[y]]), ]; d$t <- as.integer(d$AVISIT)
      nlme::gls(f, d, correlation = nlme::corSymm(form = ~ t | USUBJID), weights = nlme::varIdent(form = ~ 1 | AVISIT), method = "REML", control = nlme::glsControl(msMaxIter = 200)) }
    out("fev", "nlme gls", function() fit(fev, FEV1 ~ RACE + SEX + ARMCD * AVISIT), 5)
    out("bcva", "nlme gls", function() fit(bcva, BCVA_CHG ~ RACE + BCVA_BL + ARMCD * AVISIT), 1)
  }
  if (have("lme4")) {
    control <- lme4::lmerControl(check.nobs.vs.nRE = "ignore", check.nobs.vs.rankZ = "ignore", check.nobs.vs.nlev = "ignore")
    out("fev", "lme4 lmer", function() quiet(lme4::lmer(FEV1 ~ RACE + SEX + ARMCD * AVISIT + (0 + AVISIT | USUBJID), fev, control = control)), 3)
    out("bcva", "lme4 lmer", function() quiet(lme4::lmer(BCVA_CHG ~ RACE + BCVA_BL + ARMCD * AVISIT + (0 + AVISIT | USUBJID), bcva, control = control)), 1)
  }
  if (have("glmmTMB")) {
    out("fev", "glmmTMB us", function() quiet(glmmTMB::glmmTMB(FEV1 ~ RACE + SEX + ARMCD * AVISIT + us(0 + AVISIT | USUBJID), dispformula = ~ 0, REML = TRUE, data = fev)), 3)
    out("bcva", "glmmTMB us", function() quiet(glmmTMB::glmmTMB(BCVA_CHG ~ RACE + BCVA_BL + ARMCD * AVISIT + us(0 + AVISIT | USUBJID), dispformula = ~ 0, REML = TRUE, data = bcva)), 1)
  }
} else {
  d <- read.csv(args[2], stringsAsFactors = TRUE); d$avisit <- factor(d$avisit); d$usubjid <- factor(d$usubjid)
  out("table", "mmrm Satterthwaite", function() { o <- quiet(mmrm::mmrm(y ~ trt01a * avisit + us(avisit | usubjid), d, method = "Satterthwaite")); o }, 1)
}
