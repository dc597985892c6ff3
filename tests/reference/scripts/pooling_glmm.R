# Pooled proportions: random-intercept logistic model (integrals converged), REML and DL on the logit, robust SE.
# Run in this folder: Rscript pooling_glmm.R    Needs metafor, lme4 (check), numDeriv.
source("common.R")
suppressMessages({library(metafor); library(lme4); library(numDeriv)})
rdc <- function(f) read.csv(here("inputs", f), comment.char = "#", stringsAsFactors = FALSE)
nw <- rdc("nielweise2007.csv"); mp <- rdc("metapsy_psychotherapy_response.csv")
G <- list(nielweise2007_control = data.frame(x = nw$ci, n = nw$n2i, study = nw$study), nielweise2007_treated = data.frame(x = nw$ai, n = nw$n1i, study = nw$study))
anx <- c("Generalized Anxiety Disorder", "Panic Disorder", "Social Anxiety Disorder", "Specific Phobia")
groups <- c(setNames(as.list(sort(unique(mp$disorder))), sort(unique(mp$disorder))), list("Four anxiety disorders" = anx))
for (g in names(groups)) { d <- mp[mp$disorder %in% groups[[g]], ]
  G[[paste(g, "therapy", sep = "|")]] <- data.frame(x = d$improved.ig, n = d$n.ig, study = d$study, yi = d$plogit.ig, se = d$se.plogit.ig)
  u <- d[!duplicated(d[, c("disorder", "study", "improved.cg", "n.cg")]), ]
  G[[paste(g, "control_distinct", sep = "|")]] <- data.frame(x = u$improved.cg, n = u$n.cg, study = u$study, yi = u$plogit.cg, se = u$se.plogit.cg) }

gh <- function(n) { b <- sqrt(seq_len(n - 1)); J <- matrix(0, n, n); J[cbind(1:(n - 1), 2:n)] <- b; J <- J + t(J); e <- eigen(J, symmetric = TRUE); list(z = e$values, w = e$vectors[1, ]^2) }   # weight = standard normal
loglik <- function(mu, tau, x, n, nodes) {      # adaptive Gauss-Hermite over u ~ N(0,1), logit = mu + tau u; with binomial coefficient
  u <- numeric(length(x)); for (i in 1:100) { p <- plogis(mu + tau * u); g <- tau * (x - n * p) - u; h <- tau^2 * n * p * (1 - p) + 1; d <- g / h; u <- u + pmin(pmax(d, -2), 2); if (max(abs(d)) < 1e-13) break }
  s <- 1 / sqrt(tau^2 * n * plogis(mu + tau * u) * (1 - plogis(mu + tau * u)) + 1)
  U <- u + outer(s, nodes$z); eta <- mu + tau * U
  L <- x * plogis(eta, log.p = TRUE) + (n - x) * plogis(-eta, log.p = TRUE) - U^2 / 2 + rep(nodes$z^2 / 2, each = length(x)) + rep(log(nodes$w), each = length(x))
  m <- apply(L, 1, max); sum(lchoose(n, x) + log(s) + m + log(rowSums(exp(L - m)))) }
loglik_integrate <- function(mu, tau, x, n) sum(mapply(function(x, n) { f0 <- function(u) dbinom(x, n, plogis(mu + tau * u), log = TRUE) + dnorm(u, log = TRUE)
  c0 <- optimize(f0, c(-12, 12), maximum = TRUE, tol = 1e-10); m <- c0$objective; a <- c0$maximum
  f <- function(u) exp(f0(u) - m); m + log(integrate(f, -Inf, a, rel.tol = 1e-11, subdivisions = 2000)$value + integrate(f, a, Inf, rel.tol = 1e-11, subdivisions = 2000)$value) }, x, n))
fit <- function(x, n, nodes) { par <- c(qlogis((sum(x) + .5) / (sum(n) + 1)), log(.7)); f <- function(p) -loglik(p[1], exp(p[2]), x, n, nodes)
  par <- nlminb(par, f, control = list(rel.tol = 1e-14, x.tol = 1e-12, eval.max = 1000, iter.max = 1000))$par
  for (i in 1:4) { g <- grad(f, par); H <- hessian(f, par); step <- solve(H, g); par <- par - step; if (max(abs(step)) < 1e-10) break }
  if (exp(2 * par[2]) < 1e-8 || f(c(par[1], log(1e-9))) <= f(par)) {      # maximum on the boundary tau2 = 0: plain logistic fit
    m <- qlogis(sum(x) / sum(n)); return(list(mu = m, tau = 0, se = sqrt(1 / (sum(n) * plogis(m) * plogis(-m))), se_log_tau = NA, ll = loglik(m, 0, x, n, nodes))) }
  H <- hessian(f, par); V <- solve(H); list(mu = par[1], tau = exp(par[2]), se = sqrt(V[1, 1]), se_log_tau = sqrt(V[2, 2]), ll = -f(par)) }
n61 <- gh(61); n101 <- gh(101); rows <- list(); lin <- list()
for (nm in names(G)) { d <- G[[nm]]; k <- nrow(d)
  a <- fit(d$x, d$n, n61); b <- fit(d$x, d$n, n101); li <- loglik_integrate(b$mu, b$tau, d$x, d$n)
  gm <- suppressMessages(suppressWarnings(glmer(cbind(x, n - x) ~ 1 + (1 | id), data = transform(d, id = factor(seq_len(k))), family = binomial, nAGQ = 41, control = glmerControl(optimizer = "bobyqa", optCtrl = list(rhoend = 1e-10)))))
  cat(sprintf("%-48s k %3d mu %.6f se %.6f tau2 %.6f | 61 v 101 nodes %.1e %.1e, loglik v integrate %.1e, v glmer41 mu %.1e se %.1e tau2 %.1e\n", nm, k, b$mu, b$se, b$tau^2, a$mu - b$mu, a$tau^2 - b$tau^2, b$ll - li,
    b$mu - fixef(gm), b$se - sqrt(vcov(gm)[1]), b$tau^2 - as.numeric(VarCorr(gm)$id)))
  z <- qnorm(.975); mu <- b$mu; t2 <- b$tau^2; q1 <- qt(.975, k - 1); q2 <- qt(.975, k - 2); ci <- mu + c(-1, 1) * z * b$se
  pr <- function(c) plogis(mu + c(-1, 1) * c * sqrt(b$se^2 + t2))
  rows[[nm]] <- data.frame(dataset = sub("[|].*", "", nm), arm = sub(".*[|]", "", sub("nielweise2007_", "|", nm)), k = k, events = sum(d$x), total = sum(d$n), mu = mu, se = b$se, tau2 = t2, se_log_tau = b$se_log_tau, loglik = b$ll, conf_low = ci[1], conf_high = ci[2], conf_level = .95,
    proportion = plogis(mu), proportion_low = plogis(ci[1]), proportion_high = plogis(ci[2]), pi_normal_low = pr(z)[1], pi_normal_high = pr(z)[2], pi_t_k2_low = pr(q2)[1], pi_t_k2_high = pr(q2)[2], pi_t_k1_low = pr(q1)[1], pi_t_k1_high = pr(q1)[2])
  rows[[nm]]$dataset <- if (grepl("nielweise", nm)) "nielweise2007" else rows[[nm]]$dataset
  # logit, REML with knha, DL
  e <- escalc(measure = "PLO", xi = x, ni = n, data = d, add = .5, to = "only0"); y <- as.numeric(e$yi); v <- as.numeric(e$vi)
  sc <- function(t) { w <- 1 / (v + t); m <- sum(w * y) / sum(w); sum(w^2 * (y - m)^2) - sum(w) + sum(w^2) / sum(w) }
  tr <- if (sc(0) <= 0) 0 else root(sc, 0, 100)
  one <- function(est, y, v, t2, kn, extra = "") { k <- length(y); r <- rma(y, v, tau2 = t2); h <- rma(y, v, tau2 = t2, test = "knha"); s <- d$study
    cr <- robust(r, cluster = s, adjust = FALSE); nc <- length(unique(s)); mu <- as.numeric(coef(r)); hk <- h$se
    pi <- function(c, s) mu + c(-1, 1) * c * sqrt(s^2 + t2); q1 <- qt(.975, k - 1); q2 <- qt(.975, k - 2)
    data.frame(dataset = rows[[nm]]$dataset, arm = rows[[nm]]$arm, estimator = est, k = k, clusters = nc, tau2 = t2, mu = mu, se = r$se, conf_low = mu - z * r$se, conf_high = mu + z * r$se,
      hk_se = hk, hk_conf_low = mu - q1 * hk, hk_conf_high = mu + q1 * hk, cr0_se = cr$se, cr0_conf_low_normal = mu - z * cr$se, cr0_conf_high_normal = mu + z * cr$se,
      cr0_conf_low_t = mu - qt(.975, nc - 1) * cr$se, cr0_conf_high_t = mu + qt(.975, nc - 1) * cr$se, conf_level = .95,
      pi_t_k2_low = pi(q2, r$se)[1], pi_t_k2_high = pi(q2, r$se)[2], pi_t_k1_low = pi(q1, r$se)[1], pi_t_k1_high = pi(q1, r$se)[2], pi_hk_k2_low = pi(q2, hk)[1], pi_hk_k2_high = pi(q2, hk)[2], pi_hk_k1_low = pi(q1, hk)[1], pi_hk_k1_high = pi(q1, hk)[2],
      Q = r$QE, Q_df = k - 1, Q_p = r$QEp, proportion = plogis(mu), proportion_low = plogis(mu - z * r$se), proportion_high = plogis(mu + z * r$se)) }
  lin[[paste(nm, 1)]] <- one("REML_counts", y, v, tr)
  lin[[paste(nm, 2)]] <- one("DL_counts", y, v, rma(y, v, method = "DL")$tau2)
  if (!is.null(d$yi)) lin[[paste(nm, 3)]] <- one("DL_columns", d$yi, d$se^2, rma(d$yi, d$se^2, method = "DL")$tau2)
}
src <- "Stijnen 2010 Stat Med 29:3046 (model); data inputs/nielweise2007.csv and inputs/metapsy_psychotherapy_response.csv (Metapsy data-total-response 23.0.1, ODC-BY)"
out <- do.call(rbind, rows); write_ref(out, here("pooling_glmm.csv"), src, paste0("scripts/pooling_glmm.R, ", pkg("metafor", "lme4", "numDeriv")),
  c("x_i ~ Binomial(n_i, plogis(mu + b_i)), b_i ~ N(0, tau2), one random intercept per arm row; maximum likelihood; adaptive Gauss-Hermite with 101 nodes at the optimum (61 nodes, integrate() and glmer nAGQ=41 agree)",
    "se: inverse of the full observed information (mu, log tau); conf on the logit, mu -+ z se; se_log_tau on log tau (empty where the maximum is at tau2 = 0, then se is the plain logistic one); loglik includes the binomial coefficients",
    "pi columns on the proportion scale: plogis(mu -+ c sqrt(se^2+tau2)), c = normal, t with k-2, t with k-1 df",
    "therapy: all rows taken as independent arms; control_distinct: rows with the same disorder, study, improved.cg, n.cg counted once (first kept)"))
lo <- do.call(rbind, lin); write_ref(lo, here("pooling_logit.csv"), src, paste0("scripts/pooling_glmm.R, ", pkg("metafor")),
  c("REML_counts, DL_counts: logits from counts, 1/2 added to x and n-x only where x=0 or x=n (escalc PLO add=1/2 to=only0); DL_columns: the file's own plogit and se.plogit columns",
    "conf: mu -+ z se; hk: Hartung-Knapp, t k-1 df; cr0: cluster-robust by study, no small-sample factor (metafor robust adjust=FALSE), normal and t(clusters-1) limits",
    "prediction intervals on the logit: t with k-2 or k-1 df, with se or hk_se; proportion = plogis(mu)"))
print(subset(lo, estimator == "DL_columns")[, c("dataset", "arm", "proportion", "proportion_low", "proportion_high")], digits = 4)
print(out[, c("dataset", "arm", "proportion", "proportion_low", "proportion_high", "tau2")], digits = 4)
