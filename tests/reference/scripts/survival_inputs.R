# Data sets behind the survival_*.csv and recurrent_*.csv references, and small made cases.
# Run in this folder: Rscript survival_inputs.R    Needs survival (for its data).
source("common.R")
suppressMessages(library(survival))
from_survival <- paste0("source: data set %s of R package survival ", packageVersion("survival"),
  " (LGPL >= 2; data only, published: %s)")
put <- function(d, file, name, paper, ...) {
  head <- paste("#", c(sprintf(from_survival, name, paper), ..., paste("made: scripts/survival_inputs.R, date", made_on)))
  for (j in seq_along(d)) d[[j]] <- if (is.numeric(d[[j]])) num(d[[j]]) else quote_if_needed(as.character(d[[j]]))
  writeLines(c(head, paste(names(d), collapse = ","), do.call(paste, c(unname(as.list(d)), sep = ","))), here("inputs", file))
}
with(lung, put(data.frame(time, event = as.numeric(status == 2), sex, age, ph_ecog = ph.ecog), "survival_lung.csv", "lung",
  "Loprinzi 1994 J Clin Oncol 12:601", "time in days, sex 1 male 2 female, ph_ecog empty where missing"))
with(veteran, put(data.frame(time, event = status, trt, celltype, karno, age), "survival_veteran.csv", "veteran",
  "Kalbfleisch Prentice 1980", "time in days, trt 1 standard 2 test"))
with(mgus2, put(data.frame(time = ifelse(pstat == 1, ptime, futime), cause = ifelse(pstat == 1, 1, 2 * death), sex), "survival_mgus2.csv", "mgus2",
  "Kyle 2002 N Engl J Med 346:564", "time in months, cause 1 progression, 2 death before it, 0 censored"))
with(heart, put(data.frame(id, start, stop, event, age, surgery, transplant = as.numeric(transplant == "1")), "survival_heart.csv", "heart",
  "Crowley Hu 1977 J Am Stat Assoc 72:27", "Stanford heart transplant: rows at risk in (start, stop], days"))
with(bladder2, put(data.frame(usubjid = id, start, stop, event, episode = enum, rx, number, size), "recurrent_bladder2.csv", "bladder2",
  "Wei Lin Weissfeld 1989 J Am Stat Assoc 84:1065", "months, rx 1 placebo 2 thiotepa"))
with(cgd, put(data.frame(usubjid = id, start = tstart, stop = tstop, event = status, episode = enum, treat, age, sex), "recurrent_cgd.csv", "cgd",
  "Fleming Harrington 1991", "days"))
test1 <- data.frame(time = c(9, 3, 1, 1, 6, 6, 8), event = c(1, NA, 1, 0, 1, 1, 0), x = c(0, 2, 1, 1, 1, 0, 0))
put(test1[!is.na(test1$event), ], "survival_test1.csv", "test1 of its test book1.R", "Therneau Grambsch 2000 appendix E", "the row with a missing status is left out")

made <- function(name, time, event, group = 1, stratum = 1, entry = NA, weight = 1)
  data.frame(name, group, stratum, entry, time, event, weight)
set.seed(20)
cases <- rbind(
  made("all_censored", c(2, 4, 4, 9), 0),
  made("one_event", c(2, 4, 4, 9), c(0, 1, 0, 0)),
  made("one_subject", 3, 1),
  made("all_at_one_time", rep(5, 6), 1),
  made("event_and_censoring_tied", c(1, 2, 2, 2, 3, 3, 4, 5), c(1, 1, 0, 1, 0, 1, 0, 1)),
  made("no_censoring", c(1, 1, 2, 3, 5, 8, 8, 13, 21, 34), 1),
  made("flat_at_half", c(1, 2, 3, 4, 5, 6, 7, 8), c(1, 1, 1, 1, 0, 0, 0, 0)),
  made("flat_at_half_then_falls", c(1, 2, 3, 4, 5, 6, 7, 8), c(1, 1, 1, 1, 0, 0, 1, 0)),
  made("empty_tail", c(1:10, rep(40, 5)), c(rep(1, 6), rep(0, 9))),
  made("censored_at_zero", c(0, 0, 1, 2, 3, 3), c(0, 0, 1, 0, 1, 1)),
  made("multiplicity", c(1, 2, 3, 4, 6), c(1, 0, 1, 1, 0), weight = c(3, 2, 1, 4, 5)),
  made("late_entry", c(4, 5, 6, 7, 8, 9, 9, 10, 12), c(1, 0, 1, 1, 0, 1, 1, 0, 1), entry = c(0, 0, 1, 2, 3, 4, 0, 5, 6)),
  made("three_groups", rep(c(2, 3, 3, 5, 7, 7, 9, 12), 3) + rep(c(0, 1, 3), each = 8), rep(c(1, 1, 0, 1, 1, 0, 1, 0), 3), group = rep(1:3, each = 8)),
  made("three_groups_strata", ceiling(rexp(90) * 8), rbinom(90, 1, .7), group = rep(1:3, 30), stratum = rep(1:2, c(40, 50))),
  made("group_gone_before_any_event", c(1, 1, 2, 3, 4, 5, 6, 7), c(0, 0, 1, 1, 0, 1, 1, 0), group = c(1, 1, 2, 2, 2, 3, 3, 3)),
  made("heavy_ties", sample(1:4, 60, TRUE), rbinom(60, 1, .8), group = rep(1:2, 30)))
write_ref(cases, here("inputs", "survival_cases.csv"), "made for these tests: small right-censored tables with one difficulty each", "scripts/survival_inputs.R, R seed 20",
  "entry: start of observation, empty for none; weight: multiplicity; censored at t counts as after an event at t")

set.seed(7)                                # recurrent events ended by death, whole days so that times tie
rows <- list()
for (i in 1:60) {
  end <- sample(5:40, 1); dead <- rbinom(1, 1, .5); frailty <- rgamma(1, 2, 2); t <- 0
  repeat { gap <- ceiling(rexp(1, .09 * frailty)); stop <- min(end, t + gap); event <- as.numeric(t + gap <= end)
    rows[[length(rows) + 1]] <- data.frame(usubjid = i, start = t, stop, event, death = as.numeric(stop == end) * dead, arm = 1 + i %% 2)
    t <- stop; if (t >= end) break }
}
write_ref(do.call(rbind, rows), here("inputs", "recurrent_terminal.csv"), "simulated for these tests: recurrent events of 60 subjects ended by death or censoring", "scripts/survival_inputs.R, R seed 7",
  "rows at risk in (start, stop], event 1 at stop, death 1 in a subject's last row; arm 1 or 2")
