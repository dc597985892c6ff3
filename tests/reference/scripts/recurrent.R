# Recurrent events: AG, LWYY and PWP regressions, mean cumulative counts, by R's survival.
# Run in this folder after survival_inputs.R: Rscript recurrent.R
source("common.R")
suppressMessages(library(survival))
rdc <- function(f) read.csv(here("inputs", f), comment.char = "#", stringsAsFactors = FALSE)
made <- paste0("scripts/recurrent.R, ", pkg("survival"))
bladder2 <- rdc("recurrent_bladder2.csv"); cgd <- rdc("recurrent_cgd.csv"); cgd$test <- as.numeric(cgd$treat != "placebo"); term <- rdc("recurrent_terminal.csv")

## ---- regressions ----
cc <- coxph.control(eps = 1e-14, iter.max = 50, toler.chol = 1e-15); out <- list()
run <- function(nm, d, rhs) for (ties in c("breslow", "efron")) {
  d$one <- seq_len(nrow(d)); d$gap <- d$stop - d$start
  go <- function(model, lhs, extra, cluster) { f <- as.formula(paste(lhs, "~", rhs, extra))
    a <- if (is.null(cluster)) coxph(f, d, ties = ties, control = cc) else coxph(f, d, ties = ties, control = cc, cluster = cluster)
    s <- summary(a)$coefficients
    out[[length(out) + 1]] <<- data.frame(dataset = nm, model, ties, term = seq_along(coef(a)), coefficient = as.numeric(coef(a)), std_error_model = if (is.null(cluster)) s[, "se(coef)"] else sqrt(diag(a$naive.var)),
      std_error = sqrt(diag(vcov(a))), p_value = s[, "Pr(>|z|)"]) }
  go("ag_model", "Surv(start, stop, event)", "", NULL); go("ag", "Surv(start, stop, event)", "", d$one); go("lwyy", "Surv(start, stop, event)", "", d$usubjid)
  go("pwp_total", "Surv(start, stop, event)", "+ strata(episode)", d$usubjid); go("pwp_gap", "Surv(gap, event)", "+ strata(episode)", d$usubjid) }
run("recurrent_bladder2", bladder2, "rx + number + size"); run("recurrent_cgd", cgd, "test + age")
write_ref(do.call(rbind, out), here("recurrent_regressions.csv"), "R coxph to full convergence; ag_model: inverse information; ag: each row a cluster; others: cluster = subject, PWP stratified by episode", made,
  "terms: bladder2 rx, number, size; cgd test (1 for rIFN-g), age")

## ---- mean cumulative count, no terminal event ----
mc <- list()
for (nm in c("recurrent_bladder2", "recurrent_cgd", "recurrent_terminal")) { d <- rdc(paste0(nm, ".csv")); d$g <- switch(nm, recurrent_bladder2 = d$rx, recurrent_cgd = 1 + (d$treat != "placebo"), recurrent_terminal = d$arm)
  for (g in 1:2) { e <- d[d$g == g, ]; f <- survfit(Surv(start, stop, event) ~ 1, e, id = usubjid, cluster = usubjid); k <- f$n.event > 0
    mc[[length(mc) + 1]] <- data.frame(dataset = nm, terminal = 0, group = g, time = f$time[k], at_risk = f$n.risk[k], mean = f$cumhaz[k], std_error = f$std.chaz[k]) } }

## ---- with death: Ghosh and Lin's estimate; standard error by numerical differentiation in the subjects' weights ----
gl <- function(d, w, at) { wt <- w[match(d$usubjid, names(w))]; mean <- 0; alive <- 1; out <- numeric(0)
  for (t in sort(unique(d$stop))) { risk <- d$start < t & d$stop >= t; Y <- sum(wt[risk])
    mean <- mean + alive * sum(wt[risk & d$stop == t & d$event == 1]) / Y
    if (t %in% at) out <- c(out, mean)
    alive <- alive * (1 - sum(wt[risk & d$stop == t & d$death == 1]) / Y) }
  out }
for (g in 1:2) { d <- term[term$arm == g, ]; ids <- unique(d$usubjid); w <- setNames(rep(1, length(ids)), ids); at <- sort(unique(d$stop[d$event == 1])); h <- 1e-4
  D <- sapply(as.character(ids), function(i) { up <- dn <- w; up[i] <- 1 + h; dn[i] <- 1 - h; u2 <- d2 <- w; u2[i] <- 1 + 2 * h; d2[i] <- 1 - 2 * h
    (8 * (gl(d, up, at) - gl(d, dn, at)) - (gl(d, u2, at) - gl(d, d2, at))) / (12 * h) })
  mc[[length(mc) + 1]] <- data.frame(dataset = "recurrent_terminal", terminal = 1, group = g, time = at, at_risk = sapply(at, function(t) sum(d$start < t & d$stop >= t)), mean = gl(d, w, at), std_error = sqrt(rowSums(D^2))) }
write_ref(do.call(rbind, mc), here("recurrent_mean_count.csv"), "terminal 0: R survfit cumhaz and std.chaz, cluster = subject (Lawless Nadeau 1995); terminal 1: Ghosh Lin 2000 estimate, standard error by numerical differentiation in subject weights (infinitesimal jackknife), in the script", made,
  "groups: bladder2 rx; cgd 1 placebo 2 rIFN-g; terminal arm. An event and a death at one time: event first. Numerical derivatives good to about 1e-8")
