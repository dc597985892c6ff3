# The simpler relatives of a mixed model for repeated measures, and association of two outcomes, by R.
# Run in this folder: Rscript mmrm_relatives.R DIR_WITH_rmcorr_DATA   Needs mmrm, nlme, lme4, lmerTest, pbkrtest, clubSandwich.
source("common.R"); made_on <- "2026-11-24"
suppressMessages({library(mmrm); library(nlme); library(lme4); library(lmerTest); library(pbkrtest); library(clubSandwich)})
by <- "scripts/mmrm_relatives.R"; rows <- list(); add <- function(...) rows[[length(rows) + 1]] <<- data.frame(..., row.names = NULL)
d <- read.csv(file.path("..", "..", "..", "data", "antidepressant_hamd17", "antidepressant_hamd17.csv"), comment.char = "#"); names(d) <- toupper(names(d))
d$PATIENT <- factor(d$PATIENT); d$VISIT <- factor(d$VISIT); d$THERAPY <- relevel(factor(d$THERAPY), "PLACEBO"); d$POOLINV <- factor(d$POOLINV)
last <- d[d$VISIT == 7, ]; last$PATIENT <- factor(last$PATIENT)
## ---- analysis of covariance ----
m <- lm(CHANGE ~ BASVAL + THERAPY, last); s <- summary(m)$coefficients
add(model = "ancova", method = "model", column = names(coef(m)), estimate = s[, 1], std_error = s[, 2], df = m$df.residual, deviance = NA)
for (k in c("CR0", "CR2", "CR3")) { V <- vcovCR(m, cluster = last$PATIENT, type = k); t <- coef_test(m, V, test = "Satterthwaite")
  add(model = "ancova", method = paste0("hc", substr(k, 3, 3)), column = names(coef(m)), estimate = coef(m), std_error = t$SE, df = if (k == "CR2") t$df else NA, deviance = NA) }
## ---- random intercept for sites ----
for (how in c("reml", "ml")) { o <- lmerTest::lmer(CHANGE ~ BASVAL + THERAPY + (1 | POOLINV), last, REML = how == "reml", control = lmerControl(optimizer = "bobyqa", optCtrl = list(rhoend = 1e-12)))
  t <- summary(o, ddf = "Satterthwaite")$coefficients; dev <- if (how == "reml") REMLcrit(o) else deviance(o, REML = FALSE)
  add(model = paste0("sites_", how), method = "satterthwaite", column = rownames(t), estimate = t[, 1], std_error = t[, 2], df = t[, 3], deviance = dev)
  if (how == "reml") { b <- names(fixef(o)); V <- as.matrix(vcovAdj(o)); for (k in seq_along(b)) { L <- matrix(as.numeric(seq_along(b) == k), 1); r <- KRmodcomp(o, L)$stats
    add(model = "sites_reml", method = "kenward_roger_expected", column = b[k], estimate = fixef(o)[[k]], std_error = sqrt(V[k, k]), df = r$ddf, deviance = dev) } } }
## ---- constrained longitudinal analysis ----
base <- d[!duplicated(d$PATIENT), ]; long <- rbind(transform(base, VISIT = "0", y = BASVAL), transform(d, VISIT = as.character(VISIT), y = HAMDTL17)); long$VISIT <- factor(long$VISIT)
for (v in c(4, 5, 6, 7)) long[[paste0("D", v)]] <- as.numeric(long$THERAPY == "DRUG" & long$VISIT == v)
o <- suppressWarnings(mmrm(y ~ VISIT + D4 + D5 + D6 + D7 + us(VISIT | PATIENT), long, method = "Kenward-Roger", vcov = "Kenward-Roger-Linear", optimizer = "BFGS", optimizer_control = list(reltol = 1e-15, maxit = 2000)))
t <- summary(o)$coefficients; add(model = "clda", method = "kenward_roger", column = rownames(t), estimate = t[, 1], std_error = t[, 2], df = t[, 3], deviance = deviance(o))
## ---- two outcomes together ----
two <- rbind(transform(d, o = "a", y = CHANGE), transform(d, o = "b", y = HAMATOTL)); two$occ <- as.integer(two$VISIT) + 4 * (two$o == "b"); two$f <- factor(two$occ); two <- two[order(two$PATIENT, two$occ), ]
o <- suppressWarnings(mmrm(y ~ f + f:THERAPY + f:BASVAL + us(f | PATIENT), two, method = "Kenward-Roger", vcov = "Kenward-Roger-Linear", optimizer = "BFGS", optimizer_control = list(reltol = 1e-15, maxit = 5000)))
t <- summary(o)$coefficients; keep <- grep("THERAPY", rownames(t)); add(model = "two_outcomes", method = "kenward_roger", column = rownames(t)[keep], estimate = t[keep, 1], std_error = t[keep, 2], df = t[keep, 3], deviance = deviance(o))
S <- VarCorr(o); for (v in 1:4) add(model = "two_outcomes", method = "correlation", column = levels(d$VISIT)[v], estimate = S[v, v + 4] / sqrt(S[v, v] * S[v + 4, v + 4]), std_error = NA, df = NA, deviance = deviance(o))
for (v in 1:4) add(model = "two_outcomes", method = "slope", column = levels(d$VISIT)[v], estimate = S[v, v + 4] / S[v + 4, v + 4], std_error = NA, df = NA, deviance = deviance(o))
## ---- correlation within subjects ----
load(file.path(commandArgs(TRUE)[1], "bland1995.rda")); bl <- bland1995; bl$Subject <- paste0("S", bl$Subject)
writeLines(c("# source: Bland JM, Altman DG (1995) BMJ 310:446, intramural pH and PaCO2 of eight subjects, as bland1995 in R package rmcorr 0.8.1", paste("# made:", by, R.version.string, made_on), paste(names(bl), collapse = ","), do.call(paste, c(unname(lapply(bl, as.character)), sep = ","))), here("inputs", "bland1995.csv"))
within <- function(nm, s, x, y) { m <- lm(y ~ factor(s) + x); a <- anova(m); ss <- a[["Sum Sq"]]; r <- unname(sign(coef(m)["x"])) * sqrt(ss[2] / (ss[2] + ss[3])); df <- m$df.residual; ci <- tanh(atanh(r) + c(-1, 1) * qnorm(.975) / sqrt(df - 1))
  data.frame(dataset = nm, correlation = r, slope = unname(coef(m)["x"]), df = df, p_value = a[["Pr(>F)"]][2], conf_low = ci[1], conf_high = ci[2]) }
e <- d[ave(seq_len(nrow(d)), d$PATIENT, FUN = length) > 1, ]
write_ref(rbind(within("bland1995", bl$Subject, bl$PaCO2, bl$pH), within("hamd", e$PATIENT, e$HAMDTL17, e$HAMATOTL)), here("repeated_correlation.csv"), "correlation within subjects by lm with one slope (Bland and Altman 1995); limits by Fisher's z with the error df, as R package rmcorr", paste0(by), "rmcorr 0.8.1 prints for bland1995: -0.5067697, df 38, p 0.0008471081, -0.7067146 to -0.2318631")
write_ref(do.call(rbind, rows), here("mmrm_relatives.csv"), "lm with clubSandwich, lmerTest, pbkrtest and mmrm on data/antidepressant_hamd17", paste0(by, ", ", pkg("mmrm", "lme4", "lmerTest", "pbkrtest", "clubSandwich")), "CR3 of clubSandwich has no factor (n-1)/n")
