# Mixed models for repeated measures by R: mmrm (all structures, degrees of freedom, sandwiches, marginal means), nlme::gls
# (deviances), pbkrtest (Kenward-Roger with expected information), lm and clubSandwich (analysis of covariance), lme4 + lmerTest.
# Run in this folder: Rscript mmrm.R     Needs mmrm 0.3.18, nlme, lme4, lmerTest, pbkrtest, emmeans, clubSandwich, HSAUR3.
source("common.R"); made_on <- "2026-11-24"
suppressMessages({library(mmrm); library(nlme); library(lme4); library(lmerTest); library(pbkrtest); library(emmeans)})
by <- "scripts/mmrm.R"
data <- function(f) read.csv(file.path("..", "..", "data", "mmrm_examples", f), stringsAsFactors = FALSE)
levels_of <- function(d, v) { d[[v]] <- factor(d[[v]], levels = unique(d[[v]][order(as.numeric(gsub("\\D", "", d[[v]])))])); d }
fev <- data("fev_data.csv"); bcva <- data("bcva_data.csv")
for (v in c("RACE", "SEX", "ARMCD", "USUBJID")) fev[[v]] <- factor(fev[[v]]); fev <- levels_of(fev, "AVISIT")
for (v in c("RACE", "ARMCD", "USUBJID")) bcva[[v]] <- factor(bcva[[v]]); bcva <- levels_of(bcva, "AVISIT")
hamd <- read.csv(file.path("..", "..", "..", "data", "antidepressant_hamd17", "antidepressant_hamd17.csv"), comment.char = "#")
names(hamd) <- toupper(names(hamd)); hamd$PATIENT <- factor(hamd$PATIENT); hamd$VISIT <- factor(hamd$VISIT); hamd$THERAPY <- relevel(factor(hamd$THERAPY), "PLACEBO")

# held-out trials, written as inputs
wr <- function(d, f, ...) writeLines(c(paste("#", c(...)), paste(names(d), collapse = ","), do.call(paste, c(unname(lapply(d, function(x) if (is.numeric(x)) num(x) else as.character(x))), sep = ","))), here("inputs", f))
B <- HSAUR3::BtheB; B$id <- sprintf("B%03d", seq_len(nrow(B)))
btb <- do.call(rbind, lapply(c("2m", "3m", "5m", "8m"), function(m) data.frame(id = B$id, month = m, bdi = B[[paste0("bdi.", m)]], bdi_pre = B$bdi.pre, drug = B$drug, length = gsub("[<>]", "", ifelse(B$length == ">6m", "long", "short")), treatment = B$treatment)))
btb <- btb[order(btb$id), ]
wr(btb, "btheb.csv", "source: BtheB of R package HSAUR3 1.0-13 (Everitt and Hothorn; Proudfoot et al 2003, Psychol Med 33:217-227): BDI over 8 months, 100 patients", paste("made:", by, R.version.string, made_on), "NA: not seen")
ort <- as.data.frame(Orthodont); ort$visit <- paste0("age", ort$age); ort$Subject <- as.character(ort$Subject); ort$Sex <- as.character(ort$Sex)
wr(ort[c("Subject", "visit", "age", "Sex", "distance")], "orthodont.csv", "source: Orthodont of R package nlme 3.1-162 (Potthoff and Roy 1964, Biometrika 51:313-326): distances of 27 children at four ages", paste("made:", by, R.version.string, made_on))
btb$id <- factor(btb$id); btb <- levels_of(btb, "month"); btb$treatment <- relevel(factor(btb$treatment), "TAU"); btb$drug <- factor(btb$drug); btb$length <- factor(btb$length)
ort$Subject <- factor(ort$Subject); ort <- levels_of(ort, "visit"); ort$Sex <- relevel(factor(ort$Sex), "Male")

M <- list(
  fev_arm = list(d = fev, f = "FEV1 ~ ARMCD", v = "AVISIT", s = "USUBJID"),
  fev_full = list(d = fev, f = "FEV1 ~ RACE + SEX + ARMCD * AVISIT", v = "AVISIT", s = "USUBJID"),
  bcva = list(d = bcva, f = "BCVA_CHG ~ RACE + BCVA_BL + ARMCD * AVISIT", v = "AVISIT", s = "USUBJID"),
  hamd = list(d = hamd, f = "CHANGE ~ THERAPY * VISIT + BASVAL * VISIT", v = "VISIT", s = "PATIENT"),
  btheb = list(d = btb, f = "bdi ~ bdi_pre + drug + length + treatment * month", v = "month", s = "id"),
  orthodont = list(d = ort, f = "distance ~ Sex * visit", v = "visit", s = "Subject"))
tight <- function(...) mmrm_control(optimizer = "BFGS", optimizer_control = list(reltol = 1e-15, maxit = 2000), ...)
fit <- function(m, cov, reml = TRUE, weights = NULL, ...) {
  f <- as.formula(sprintf("%s + %s(%s | %s)", m$f, cov, m$v, m$s)); d <- m$d; if (!is.null(weights)) d$w <- weights
  args <- list(f, data = d, reml = reml, control = tight(...)); if (!is.null(weights)) args$weights <- weights
  suppressWarnings(do.call(mmrm, args)) }
covs <- c(us = "us", toep = "toep", toeph = "toeph", ar1 = "ar1", ar1h = "ar1h", cs = "cs", csh = "csh", ad = "ad", adh = "adh")
rows <- list(); add <- function(...) rows[[length(rows) + 1]] <<- data.frame(..., row.names = NULL)
table_of <- function(o) as.data.frame(summary(o)$coefficients)
## ---- coefficients: every structure, Satterthwaite; us by other methods; sandwiches ----
for (nm in names(M)) for (cv in names(covs)) { if (nm == "bcva" && cv != "us") next; if (nm == "orthodont" && cv %in% c("toeph")) next
  for (reml in c(TRUE, FALSE)) { if (nm == "bcva" && !reml) next
    o <- fit(M[[nm]], covs[[cv]], reml, method = "Satterthwaite"); t <- table_of(o)
    add(model = nm, covariance = cv, likelihood = if (reml) "reml" else "ml", df_method = "satterthwaite", vcov = "model", column = rownames(t), estimate = t[[1]], std_error = t[[2]], df = t[[3]], deviance = deviance(o)) } }
for (nm in c("fev_full", "hamd", "btheb", "orthodont")) {
  for (k in list(c("between_within", "Between-Within"), c("residual", "Residual"))) { o <- fit(M[[nm]], "us", TRUE, method = k[2], vcov = "Asymptotic"); t <- table_of(o)
    add(model = nm, covariance = "us", likelihood = "reml", df_method = k[1], vcov = "model", column = rownames(t), estimate = t[[1]], std_error = t[[2]], df = t[[3]], deviance = deviance(o)) }
  o <- fit(M[[nm]], "us", TRUE, method = "Kenward-Roger", vcov = "Kenward-Roger-Linear"); t <- table_of(o)
  add(model = nm, covariance = "us", likelihood = "reml", df_method = "kenward_roger_linear", vcov = "model", column = rownames(t), estimate = t[[1]], std_error = t[[2]], df = t[[3]], deviance = deviance(o))
  for (cv in c("us", "ar1", "csh")) for (k in list(c("cr0", "Empirical"), c("cr2", "Empirical-Bias-Reduced"), c("cr3", "Empirical-Jackknife"))) { o <- fit(M[[nm]], cv, TRUE, method = "Satterthwaite", vcov = k[2]); t <- table_of(o)
    add(model = nm, covariance = cv, likelihood = "reml", df_method = "satterthwaite", vcov = k[1], column = rownames(t), estimate = t[[1]], std_error = t[[2]], df = t[[3]], deviance = deviance(o)) } }
for (nm in c("hamd", "btheb")) for (cv in c("ar1", "csh", "toeph", "adh")) { o <- fit(M[[nm]], cv, TRUE, method = "Kenward-Roger", vcov = "Kenward-Roger-Linear"); t <- table_of(o)
  add(model = nm, covariance = cv, likelihood = "reml", df_method = "kenward_roger_linear", vcov = "model", column = rownames(t), estimate = t[[1]], std_error = t[[2]], df = t[[3]], deviance = deviance(o)) }
write_ref(do.call(rbind, rows), here("mmrm_r.csv"), "mixed models for repeated measures by R mmrm 0.3.18 (openpharma), optimiser BFGS to reltol 1e-15", paste0(by, ", ", pkg("mmrm", "TMB")),
  "models: see scripts/mmrm.R; fev_data and bcva_data in tests/data/mmrm_examples, hamd in data/antidepressant_hamd17, btheb and orthodont in inputs/")
## ---- joint tests and marginal means ----
rows <- list()
for (nm in c("fev_full", "hamd", "btheb", "orthodont")) for (k in list(c("satterthwaite", "Satterthwaite", "Asymptotic"), c("kenward_roger", "Kenward-Roger", "Kenward-Roger-Linear"))) {
  o <- fit(M[[nm]], "us", TRUE, method = k[2], vcov = k[3]); b <- names(coef(o)); inter <- grep(":", b); inter <- if (nm == "hamd") inter[1:3] else inter
  L <- diag(length(b))[inter, , drop = FALSE]; r <- df_md(o, L); add(model = nm, df_method = k[1], columns = paste(b[inter], collapse = " "), num_df = r$num_df, denom_df = r$denom_df, f_stat = r$f_stat, p_val = r$p_val) }
write_ref(do.call(rbind, rows), here("mmrm_r_joint.csv"), "joint tests by R mmrm 0.3.18 (df_md), unstructured covariance, REML; kenward_roger uses the linear covariance, which is SAS's for us", paste0(by, ", ", pkg("mmrm")))
rows <- list()
o <- fit(M$fev_full, "us", TRUE, method = "Satterthwaite")
for (w in c("equal", "proportional")) { e <- as.data.frame(emmeans(o, ~ ARMCD * AVISIT, weights = w)); add(weights = w, ARMCD = e$ARMCD, AVISIT = e$AVISIT, estimate = e$emmean, std_error = e$SE, df = e$df) }
one <- fev[!duplicated(fev$USUBJID) & fev$USUBJID %in% fev$USUBJID[!is.na(fev$FEV1)], ]; grid <- expand.grid(AVISIT = levels(fev$AVISIT), ARMCD = levels(fev$ARMCD)); V <- vcov(o); bc <- coef(o)
for (i in seq_len(nrow(grid))) { d <- one; d$AVISIT <- factor(grid$AVISIT[i], levels(fev$AVISIT)); d$ARMCD <- factor(grid$ARMCD[i], levels(fev$ARMCD)); X <- model.matrix(~ RACE + SEX + ARMCD * AVISIT, d); l <- colMeans(X)
  add(weights = "subjects", ARMCD = grid$ARMCD[i], AVISIT = grid$AVISIT[i], estimate = sum(l * bc), std_error = sqrt(drop(l %*% V %*% l)), df = df_1d(o, l)$df)
  add(weights = "subjects_random", ARMCD = grid$ARMCD[i], AVISIT = grid$AVISIT[i], estimate = sum(l * bc), std_error = sqrt(drop(l %*% V %*% l) + var(drop(X %*% bc)) / nrow(X)), df = NA) }
write_ref(do.call(rbind, rows), here("mmrm_r_emmeans.csv"), "marginal means of FEV1 ~ RACE + SEX + ARMCD*AVISIT, us, REML, Satterthwaite; equal and proportional by R emmeans, subjects by averaging the design over subjects", paste0(by, ", ", pkg("mmrm", "emmeans")))
## ---- gls: maxima of the same likelihood by another program ----
rows <- list(); ctl <- glsControl(tolerance = 1e-12, msTol = 1e-14, msMaxIter = 1000, maxIter = 1000, returnObject = TRUE)
G <- list(fev_arm = M$fev_arm, hamd = M$hamd, btheb = M$btheb, orthodont = M$orthodont)
for (nm in names(G)) { m <- G[[nm]]; y <- all.vars(as.formula(m$f))[1]; d <- m$d[!is.na(m$d[[y]]), ]; d$t <- as.integer(d[[m$v]]); d <- d[order(d[[m$s]], d$t), ]
  het <- varIdent(form = as.formula(paste("~ 1 |", m$v))); form <- as.formula(paste("~ t |", m$s)); plain <- as.formula(paste("~ 1 |", m$s))
  S <- list(us = list(corSymm(form = form), het), cs = list(corCompSymm(form = plain), NULL), csh = list(corCompSymm(form = plain), het), ar1 = list(corAR1(form = form), NULL), ar1h = list(corAR1(form = form), het), sp_exp = list(corExp(form = form), NULL), sp_gau = list(corGaus(form = form), NULL))
  for (cv in names(S)) for (how in c("REML", "ML")) { o <- tryCatch(gls(as.formula(m$f), d, correlation = S[[cv]][[1]], weights = S[[cv]][[2]], method = how, control = ctl), error = function(e) NULL); if (is.null(o)) next
    dev <- -2 * as.numeric(logLik(o))
    add(model = nm, covariance = cv, likelihood = tolower(how), deviance = dev, column = names(coef(o)), estimate = coef(o)) } }
write_ref(do.call(rbind, rows), here("mmrm_gls.csv"), "the same models by R nlme::gls; its restricted likelihood, like SAS's, does not take off log|X'X|", paste0(by, ", ", pkg("nlme")), "spatial structures in the number of the visit, 1 2 3 4")
## ---- pbkrtest: compound symmetry as a random intercept, expected information, Kenward-Roger F ----
rows <- list()
P <- list(hamd = c("CHANGE ~ THERAPY * VISIT + BASVAL * VISIT", "PATIENT", "THERAPYDRUG:VISIT5 THERAPYDRUG:VISIT6 THERAPYDRUG:VISIT7"), btheb = c("bdi ~ bdi_pre + drug + length + treatment * month", "id", "treatmentBtheB:month3m treatmentBtheB:month5m treatmentBtheB:month8m"), orthodont = c("distance ~ Sex * visit", "Subject", "SexFemale:visitage10 SexFemale:visitage12 SexFemale:visitage14"))
for (nm in names(P)) { d <- M[[nm]]$d; o <- lme4::lmer(as.formula(sprintf("%s + (1 | %s)", P[[nm]][1], P[[nm]][2])), d, REML = TRUE, control = lmerControl(optimizer = "bobyqa", optCtrl = list(rhoend = 1e-12)))
  b <- names(fixef(o)); V <- as.matrix(vcovAdj(o))
  for (k in seq_along(b)) { L <- matrix(as.numeric(seq_along(b) == k), 1); r <- KRmodcomp(o, L)$stats; add(model = nm, kind = "one", columns = b[k], estimate = fixef(o)[[k]], std_error = sqrt(V[k, k]), f_stat = r$Fstat, num_df = 1, denom_df = r$ddf, scale = r$F.scaling) }
  cols <- strsplit(P[[nm]][3], " ")[[1]]; L <- diag(length(b))[match(cols, b), ]; r <- KRmodcomp(o, L)$stats
  add(model = nm, kind = "joint", columns = P[[nm]][3], estimate = NA, std_error = NA, f_stat = r$Fstat, num_df = length(cols), denom_df = r$ddf, scale = r$F.scaling) }
write_ref(do.call(rbind, rows), here("mmrm_pbkrtest.csv"), "Kenward-Roger by R pbkrtest (expected information), random intercept per subject = compound symmetry, REML", paste0(by, ", ", pkg("pbkrtest", "lme4")), "f_stat is the scaled F")
