# Semi-parametric proportional hazards and proportional odds by icenReg.
# Run in this folder: Rscript regression_icenreg.R    Needs icenReg (and its data).
source("common.R"); made_on <- "2026-11-24"
suppressMessages(library(icenReg))
rdc <- function(f) read.csv(here("inputs", f), comment.char = "#", stringsAsFactors = FALSE)
wr <- function(d, f, ...) { for (j in seq_along(d)) d[[j]] <- if (is.numeric(d[[j]])) num(d[[j]]) else as.character(d[[j]])
  writeLines(c(paste("#", c(...)), paste(names(d), collapse = ","), do.call(paste, c(unname(as.list(d)), sep = ","))), here("inputs", f)) }
by <- paste0("made: scripts/regression_icenreg.R, ", R.version.string, ", date ", made_on)
from <- paste0("of R package icenReg ", packageVersion("icenReg"), " (LGPL; data only)")
data(IR_diabetes); data(miceData)
wr(IR_diabetes, "ir_diabetes.csv", paste("source: data set IR_diabetes", from, "time from diabetes to nephropathy in (left, right], left = right is exact; Borch-Johnsen 1985 Diabetologia 28:590"), by)
wr(setNames(miceData, c("left", "right", "group")), "mice_tumour.csv", paste("source: data set miceData", from, "current status of lung tumours, days; Hoel and Walburg 1972"), by)
D <- list(ir_diabetes = transform(rdc("ir_diabetes.csv"), male = as.numeric(gender == "male")), bcos = transform(rdc("bcos_intervals.csv"), x = as.numeric(treatment == "RadChem")),
  mice = transform(rdc("mice_tumour.csv"), ge = as.numeric(group == "ge")), mixed = transform(rdc("regression_mixed.csv"), b = as.numeric(arm == "b"), c = as.numeric(arm == "c")))
F <- list(ir_diabetes = ~ male, bcos = ~ x, mice = ~ ge, mixed = ~ z + b + c)
rows <- list(); par <- list()
for (nm in names(D)) { d <- D[[nm]]
  for (mod in c("ph", "po")) { f <- update(F[[nm]], cbind(left, right) ~ .); m <- ic_sp(f, d, model = mod, B = c(0, 1), controls = makeCtrls_icsp(maxIter = 100000))
    rows[[length(rows) + 1]] <- data.frame(dataset = nm, model = mod, parameter = names(coef(m)), estimate = coef(m), loglik = m$llk) }
  for (dist in c("weibull", "loglogistic", "lnorm")) { m <- ic_par(update(F[[nm]], cbind(left, right) ~ .), subset(d, right > 0), model = "aft", dist = dist)
    par[[length(par) + 1]] <- data.frame(dataset = nm, model = c(weibull = "weibull", loglogistic = "loglogistic", lnorm = "lognormal")[[dist]], parameter = names(coef(m)), estimate = coef(m), loglik = m$llk) } }
write_ref(do.call(rbind, rows), here("regression_icenreg.csv"), "semi-parametric fits of R package icenReg (Anderson-Bergman 2017 J Stat Softw 81(12)); inputs in inputs/",
  paste0("scripts/regression_icenreg.R, ", pkg("icenReg")), c("icenReg's own signs: its proportional odds are odds of not having had the event; intervals (left, right], B = c(0, 1)"))
write_ref(do.call(rbind, par), here("regression_icenreg_aft.csv"), "accelerated failure time fits of R package icenReg, ic_par(model = aft); inputs in inputs/", paste0("scripts/regression_icenreg.R, ", pkg("icenReg")))
write_ref(data.frame(model = c("po", "ph"), parameter = "male", estimate = c("0.4013", "-0.1402"), loglik = c("-1962.39985", "-1964.95968")), here("regression_printed.csv"),
  "IR_diabetes: estimates as printed in the vignette of icenReg 2.0.16 (inst/doc/icenReg.pdf), log-likelihoods of those fits with more decimals", "typed by hand",
  c("icenReg's own signs; the same package run longer reaches a slightly higher maximum, see regression_icenreg.csv"))
