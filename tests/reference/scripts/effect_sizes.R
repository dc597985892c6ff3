# Effect sizes by R effectsize and metafor, equivalence by t tests, on mtcars, the antidepressant trial at week 6 and BtheB.
# Run in this folder: Rscript effect_sizes.R     Needs effectsize, metafor.
source("common.R"); made_on <- "2026-11-24"; suppressMessages({library(effectsize); library(metafor)}); by <- "scripts/effect_sizes.R"
hamd <- read.csv(file.path("..", "..", "..", "data", "antidepressant_hamd17", "antidepressant_hamd17.csv"), comment.char = "#"); hamd <- hamd[hamd$VISIT == 7, ]
btb <- read.csv(here("inputs", "btheb.csv"), comment.char = "#"); btb <- btb[btb$month == "2m" & !is.na(btb$bdi), ]
writeLines(c("# source: mtcars of R datasets (Henderson and Velleman 1981, Biometrics 37:391-411): weight by transmission", paste("# made:", by, R.version.string, made_on), "car,wt,am", paste(seq_len(nrow(mtcars)), mtcars$wt, mtcars$am, sep = ",")), here("inputs", "mtcars.csv"))
D <- list(mtcars = list(x = mtcars$wt[mtcars$am == 0], y = mtcars$wt[mtcars$am == 1]), hamd = list(x = hamd$CHANGE[hamd$THERAPY == "DRUG"], y = hamd$CHANGE[hamd$THERAPY == "PLACEBO"]), btheb = list(x = btb$bdi[btb$treatment == "BtheB"], y = btb$bdi[btb$treatment == "TAU"]))
rows <- list(); add <- function(...) rows[[length(rows) + 1]] <<- data.frame(..., row.names = NULL)
for (nm in names(D)) for (ci in c(.95, .9)) { x <- D[[nm]]$x; y <- D[[nm]]$y
  for (k in list(list("cohens_d", "pooled", cohens_d(x, y, ci = ci)), list("cohens_d", "average", cohens_d(x, y, pooled_sd = FALSE, ci = ci)), list("hedges_g", "pooled", hedges_g(x, y, ci = ci)), list("glass_delta", "second", glass_delta(x, y, ci = ci)))) { e <- as.data.frame(k[[3]])
    add(dataset = nm, measure = k[[1]], divisor = k[[2]], conf_level = ci, estimate = e[[1]], conf_low = e$CI_low, conf_high = e$CI_high) }
  o <- as.data.frame(p_overlap(x, y, ci = ci)); add(dataset = nm, measure = "overlap", divisor = "pooled", conf_level = ci, estimate = o[[1]], conf_low = o$CI_low, conf_high = o$CI_high)
  d <- as.data.frame(cohens_d(x, y, ci = ci)); add(dataset = nm, measure = "odds_ratio_from_d", divisor = "pooled", conf_level = ci, estimate = d_to_oddsratio(d[[1]]), conf_low = d_to_oddsratio(d$CI_low), conf_high = d_to_oddsratio(d$CI_high))
  r <- as.data.frame(cliffs_delta(x, y, ci = ci)); add(dataset = nm, measure = "cliffs_delta", divisor = "", conf_level = ci, estimate = r[[1]], conf_low = NA, conf_high = NA) }
write_ref(do.call(rbind, rows), here("effect_sizes.csv"), "R effectsize 0.8.3", paste0(by, ", ", pkg("effectsize")), "first minus second: mtcars automatic minus manual, hamd DRUG minus PLACEBO at week 6 of those seen, btheb BtheB minus TAU at 2 months; limits of Cliff delta by effectsize are of another kind and left out")
rows <- list()
for (nm in names(D)) for (ve in c(TRUE, FALSE)) for (b in list(c(-1, 1), c(-5, 5), c(-3, 8))) { x <- D[[nm]]$x; y <- D[[nm]]$y
  lo <- t.test(x, y, mu = b[1], alternative = "greater", var.equal = ve); hi <- t.test(x, y, mu = b[2], alternative = "less", var.equal = ve); ci <- t.test(x, y, conf.level = .9, var.equal = ve)$conf.int
  add(dataset = nm, method = if (ve) "pooled" else "welch", bound_low = b[1], bound_high = b[2], t_low = lo$statistic, p_low = lo$p.value, t_high = hi$statistic, p_high = hi$p.value, df = lo$parameter, conf_low = ci[1], conf_high = ci[2]) }
write_ref(do.call(rbind, rows), here("equivalence.csv"), "two one-sided t tests by R t.test", by, "the same data sets")
rows <- list()
for (k in seq_len(6)) { m1 <- c(20, 28, 31, 24, 18, 22)[k]; m2 <- c(12, 25, 31.5, 10, 19, 15)[k]; s <- c(5, 7.5, 6, 4, 9, 5.5)[k]; n <- c(8, 20, 55, 12, 150, 30)[k]; r <- c(.5, .3, .8, .1, .6, .45)[k]; sd2 <- s * 1.2; sdc <- sqrt(s^2 + sd2^2 - 2 * r * s * sd2)
  a <- escalc(measure = "SMCR", m1i = m2, m2i = m1, sd1i = s, ni = n, ri = r); b <- escalc(measure = "SMCC", m1i = m2, m2i = m1, sd1i = s, sd2i = sd2, ni = n, ri = r)
  add(change = m2 - m1, sd_start = s, sd_change = sdc, n = n, correlation = r, raw = as.numeric(a$yi), raw_variance = a$vi, of_change = as.numeric(b$yi)) }
write_ref(do.call(rbind, rows), here("standardised_change.csv"), "standardised mean change by R metafor escalc (SMCR, SMCC), with Hedges' correction", paste0(by, ", ", pkg("metafor")))
rows <- list()
for (k in list(c(30, 50, 15, 55), c(0, 12, 5, 10), c(40, 44, 44, 45), c(7, 9, 2, 20), c(3, 200, 9, 180))) for (ci in c(.95, .9)) {
  h <- as.data.frame(cohens_h(matrix(c(k[1], k[2] - k[1], k[3], k[4] - k[3]), 2), ci = ci)); add(x1 = k[1], n1 = k[2], x2 = k[3], n2 = k[4], conf_level = ci, estimate = h[[1]], conf_low = h$CI_low, conf_high = h$CI_high) }
write_ref(do.call(rbind, rows), here("cohens_h.csv"), "Cohen's h by R effectsize cohens_h", paste0(by, ", ", pkg("effectsize")))
