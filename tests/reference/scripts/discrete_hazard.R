# Discrete hazard by dose number: binary regression (cloglog, logit), shares with likelihood-ratio limits, and
# likelihoods of skipped doses. Run in this folder: Rscript discrete_hazard.R. Needs survival (for data and survfit).
source("common.R")
suppressMessages(library(survival))
set.seed(20261)

# ---- data: one row per subject, event in (left, right] on the scale of dose numbers
course <- function(n, skip) {
  x1 <- rbinom(n, 1, .5); x2 <- round(rnorm(n), 3); group <- sample(c("a", "b", "c"), n, TRUE)
  stop_after <- sample(2:6, n, TRUE, c(.1, .1, .1, .1, .6))
  left <- integer(n); right <- rep(Inf, n)
  for (i in 1:n) { last <- 0
    for (k in seq_len(stop_after[i])) {
      if (!exists("relief")) relief <- FALSE
      if (k == 1) relief <- FALSE
      eta <- c(-1.6, -1.1, -.8, -1, -1.3, -1.5)[k] + .6 * x1[i] + .3 * x2[i] + c(a = 0, b = .3, c = -.2)[[group[i]]]
      relief <- relief || runif(1) < 1 - exp(-exp(eta))
      if (k == 1 || runif(1) >= skip) { if (relief) { right[i] <- k; break }; last <- k }
    }
    left[i] <- last }
  data.frame(left = left, right = right, x1 = x1, x2 = x2, group = group)
}
binned <- function(time, status, width, most) { k <- ceiling(time / width); event <- status == 1 & k <= most
  data.frame(left = ifelse(event, k - 1, pmin(floor(time / width), most)), right = ifelse(event, k, Inf)) }
lu <- lung[!is.na(lung$ph.ecog), ]; ve <- veteran
data <- list(
  course120 = course(120, 0), course400 = course(400, 0),
  lung90 = cbind(binned(lu$time, lu$status - 1, 90, 6), x1 = as.integer(lu$sex == 2), x2 = (lu$age - 60) / 10,
                 group = c("a", "b", "c", "c")[lu$ph.ecog + 1]),
  veteran30 = cbind(binned(ve$time, ve$status, 30, 5), x1 = as.integer(ve$trt == 2), x2 = (ve$karno - 60) / 10,
                    group = c(squamous = "a", smallcell = "b", adeno = "c", large = "c")[as.character(ve$celltype)]),
  skipped150 = course(150, .35), skipped60 = course(60, .5))
all <- do.call(rbind, lapply(names(data), function(d) cbind(dataset = d, data[[d]])))
write_ref(all, here("discrete_hazard_data.csv"),
  "lung90, veteran30: R survival lung and veteran (public; Loprinzi 1994 J Clin Oncol 12:601; Kalbfleisch Prentice 1980), time in spans of 90 and 30 days, cut at 6 and 5 spans; the others simulated (set.seed 20261)",
  paste0("scripts/discrete_hazard.R, ", pkg("survival")),
  "event in (left, right]; skipped: some doses without an assessment; x1 0/1; lung: x1 female, x2 (age-60)/10, group ECOG 0, 1, 2+; veteran: x1 test arm, x2 (karno-60)/10, group cell type squamous, small, other")

# ---- binary regression on person-doses
long <- function(d) { d$last <- ifelse(is.finite(d$right), d$right, d$left); d <- d[d$last > 0, ]
  r <- d[rep(seq_len(nrow(d)), d$last), ]; r$dose <- sequence(d$last); r$y <- as.integer(is.finite(r$right) & r$dose == r$right); r }
models <- list(free_none = "0 + factor(dose)", free_x = "0 + factor(dose) + x1 + x2", free_group = "0 + factor(dose) + factor(group) + x2",
               linear_x = "I(dose - 1) + x1 + x2", linear_inter = "I(dose - 1) + x1 + x1:dose")
out <- list()
for (d in c("course120", "course400", "lung90", "veteran30")) for (m in names(models)) for (link in c("cloglog", "logit")) {
  x <- long(data[[d]]); at <- NULL  # glm takes its weights one step before the end: once more from the end
  for (again in 1:2) { f <- glm(reformulate(models[[m]], "y"), binomial(link), x, start = at, control = glm.control(1e-15, 200)); at <- coef(f) }
  s <- summary(f)$coefficients
  out[[length(out) + 1]] <- data.frame(dataset = d, model = m, link = link, term = rownames(s), estimate = s[, 1], std_error = s[, 2],
    loglik = as.numeric(logLik(f)), deviance = deviance(f), row.names = NULL) }
write_ref(do.call(rbind, out), here("discrete_hazard.csv"), "R stats::glm, family binomial, one row per person and dose",
  "scripts/discrete_hazard.R", c("epsilon 1e-15, fitted twice, the second time from the first coefficients; free: one level per dose; linear: I(dose - 1); std_error from the expected information"))

# ---- shares without covariates: Kaplan-Meier on dose numbers with Thomas-Grunkemeier limits
tg <- function(d, n, k, level) { d <- d[1:k]; n <- n[1:k]; q <- qchisq(level, 1)
  share <- function(l) 1 - prod(1 - d / (n + l))
  drop <- function(l) { h <- d / (n + l); term <- function(a, p) ifelse(a == 0, 0, a * log(p))
    -2 * sum(term(d, h) + term(n - d, 1 - h) - term(d, d / n) - term(n - d, 1 - d / n)) - q }
  if (all(d == 0)) return(c(0, 1 - exp(-q / 2 / n[k])))
  edge <- -min((n - d)[d > 0])
  lo <- share(root(drop, 0, 1e7)); hi <- share(root(drop, edge + 1e-10 * abs(edge), 0)); c(lo, hi) }
out <- list()
for (d in c("course120", "course400", "lung90", "veteran30")) { x <- data[[d]]
  km <- summary(survfit(Surv(ifelse(is.finite(right), right, left), is.finite(right)) ~ 1, data = x), times = 1:5)
  last <- ifelse(is.finite(x$right), x$right, x$left)
  n <- sapply(1:5, function(k) sum(last >= k)); e <- sapply(1:5, function(k) sum(x$right == k))
  for (level in c(.95, .9)) for (k in 1:5) { l <- tg(e, n, k, level)
    out[[length(out) + 1]] <- data.frame(dataset = d, dose = k, at_risk = n[k], reached = e[k], estimate = 1 - km$surv[k],
      conf_low = l[1], conf_high = l[2], conf_level = level) } }
write_ref(do.call(rbind, out), here("discrete_hazard_shares.csv"),
  "R survival::survfit for the estimate; limits by Thomas Grunkemeier 1975 J Am Stat Assoc 70:865, solved with uniroot",
  paste0("scripts/discrete_hazard.R, ", pkg("survival")))

# ---- skipped doses: likelihood maximised numerically over hazards (no covariates) and over coefficients
best <- function(f, start, steps = 6) { r <- list(par = start); for (i in 1:steps) { r <- optim(r$par, f, method = "BFGS", control = list(reltol = 1e-16, maxit = 5000))
  r <- nlm(f, r$par, gradtol = 1e-10, steptol = 1e-12, iterlim = 1000, hessian = FALSE); r$par <- r$estimate }; list(par = r$par, value = r$minimum) }
out <- list()
for (d in c("skipped150", "skipped60")) for (link in c("cloglog", "logit")) { x <- data[[d]]; x <- x[x$left > 0 | is.finite(x$right), ]
  H <- if (link == "cloglog") function(e) exp(e) else function(e) log1p(exp(e))
  minus <- function(b) { total <- 0
    for (i in seq_len(nrow(x))) { e <- b[1] + b[2] * (0:5) + b[3] * x$x1[i] + b[4] * x$x2[i]; c <- H(e)
      total <- total + sum(c[seq_len(x$left[i])])
      if (is.finite(x$right[i])) total <- total - log(-expm1(-sum(c[(x$left[i] + 1):x$right[i]]))) }
    total }
  r <- best(minus, c(-1.2, 0, 0, 0), 3)
  se <- sqrt(diag(solve(optimHess(r$par, minus, control = list(ndeps = rep(1e-4, 4))))))
  out[[length(out) + 1]] <- data.frame(dataset = d, link = link, term = c("Intercept", "dose - 1", "x1", "x2"), estimate = r$par, std_error = se, loglik = -r$value) }
write_ref(do.call(rbind, out), here("discrete_hazard_skipped.csv"), "likelihood of (left, right] on dose numbers, product of (1-h) times 1 - product of (1-h), maximised by R optim (BFGS) and nlm",
  "scripts/discrete_hazard.R", "std_error by optimHess (numerical second derivatives): about six digits; estimates about seven")
out <- list()
for (d in c("skipped150", "skipped60")) {
  x <- aggregate(n ~ left + right, cbind(data[[d]], n = 1), sum); ends <- ifelse(is.finite(x$right), x$right, 7)
  ll <- function(p) { F <- c(0, cumsum(p), 1); sum(x$n * log(pmax(F[ends + 1] - F[x$left + 1], 1e-300))) }
  soft <- function(b) { e <- exp(pmax(c(b, 0) - max(b, 0), -40)); e / sum(e) }  # a mass may go to 0
  climb <- function(f, start) { r <- nlminb(start, f, control = list(rel.tol = 1e-14, x.tol = 1e-12, eval.max = 5000, iter.max = 2000))
    nlminb(r$par, f, control = list(rel.tol = 1e-15, x.tol = 1e-12, eval.max = 5000, iter.max = 2000)) }
  top <- climb(function(b) -ll(soft(b)[1:6]), rep(-1, 6)); q <- qchisq(.95, 1)
  for (k in 1:5) { prof <- function(t) 2 * (climb(function(b) -ll(c(t * soft(b[seq_len(k - 1)]), ((1 - t) * soft(b[k:5]))[seq_len(6 - k)])), rep(0, 5))$objective - top$objective)
    F <- sum(soft(top$par)[1:k]); f <- function(t) prof(t) - q
    out[[length(out) + 1]] <- data.frame(dataset = d, dose = k, estimate = F, conf_low = uniroot(f, c(1e-3, F), tol = 1e-10)$root,
      conf_high = uniroot(f, c(F, 1 - 1e-3), tol = 1e-10)$root, conf_level = .95, loglik = -top$objective) } }
write_ref(do.call(rbind, out), here("discrete_hazard_skipped_shares.csv"), "multinomial likelihood of (left, right] on dose numbers and its profile, maximised by R nlminb, limits by uniroot",
  "scripts/discrete_hazard.R", "about six digits")
