# Effect sizes of a linear model by R emmeans eff_size, visit by visit, on complete data (orthodont; completers of the antidepressant trial).
# With all visits seen and every effect by visit, an unstructured mixed model gives the same numbers at each visit.
# Run in this folder: Rscript model_effect_size.R     Needs emmeans.
source("common.R"); made_on <- "2026-11-24"; suppressMessages(library(emmeans)); by <- "scripts/model_effect_size.R"
hamd <- read.csv(file.path("..", "..", "..", "data", "antidepressant_hamd17", "antidepressant_hamd17.csv"), comment.char = "#")
full <- names(which(table(hamd$PATIENT[!is.na(hamd$CHANGE)]) == 4)); hamd <- hamd[hamd$PATIENT %in% full, ]
ortho <- as.data.frame(nlme::Orthodont)
rows <- list(); add <- function(dataset, visit, fit, of, first, second) {
  e <- emmeans(fit, of); s <- eff_size(e, sigma = sigma(fit), edf = df.residual(fit), method = setNames(list(as.numeric(levels(e)[[1]] == first) - as.numeric(levels(e)[[1]] == second)), "d"))
  o <- as.data.frame(summary(s, infer = c(TRUE, FALSE)))
  rows[[length(rows) + 1]] <<- data.frame(dataset = dataset, visit = visit, estimate = o$effect.size, std_error = o$SE, df = df.residual(fit), conf_low = o$lower.CL, conf_high = o$upper.CL, divisor = sigma(fit)) }
for (a in sort(unique(ortho$age))) add("orthodont", a, lm(distance ~ Sex, ortho[ortho$age == a, ]), "Sex", "Female", "Male")
for (v in sort(unique(hamd$VISIT))) add("hamd", v, lm(CHANGE ~ THERAPY + BASVAL, hamd[hamd$VISIT == v, ]), "THERAPY", "DRUG", "PLACEBO")
write_ref(do.call(rbind, rows), here("model_effect_size.csv"), "effect sizes by R emmeans eff_size", paste0(by, ", ", pkg("emmeans")), "hamd: those with all four visits")
