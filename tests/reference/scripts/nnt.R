# Number needed to treat from risk-difference limits. Run in this folder after two_proportions.R: Rscript nnt.R
source("common.R")
d <- read.csv(here("two_proportions.csv"), comment.char = "#", stringsAsFactors = FALSE)
d <- subset(d, measure == "rd" & method %in% c("wald", "newcombe", "miettinen_nurminen") & conf_level == .95)
inv <- function(v) ifelse(v == 0, Inf, 1 / v)
r <- with(d, data.frame(rd_method = method, x1 = x1, n1 = n1, x2 = x2, n2 = n2, conf_level = conf_level, rd = estimate, rd_low = conf_low, rd_high = conf_high, nnt = inv(estimate)))
r$kind <- ifelse(r$rd_low > 0, "benefit", ifelse(r$rd_high < 0, "harm", "crosses_zero"))
r$nnt_at_rd_high <- inv(r$rd_high); r$nnt_at_rd_low <- inv(r$rd_low); r <- r[!(r$rd_low == 0 & r$rd_high == 0), ]
write_ref(r, here("nnt.csv"), "Altman 1998 BMJ 317:1309: 1/limits of the risk difference; when the interval holds 0 the NNT region is NNTB 1/rd_high to infinity to NNTH 1/|rd_low|",
  "scripts/nnt.R from two_proportions.csv", c("arm 1 minus arm 2, event = benefit; negative nnt = harm (NNTH = its absolute value); nnt inf at rd = 0",
  "kind crosses_zero: two pieces, nnt >= nnt_at_rd_high and nnt <= nnt_at_rd_low (through infinity)"))
