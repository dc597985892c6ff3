# Imbens and Manski's critical value, and limits of a mean known up to bounds. Run in this folder: Rscript well_share.R
# Needs base R only: the defining equation is solved by uniroot, with pt (pnorm where df is infinite).
source("common.R")
made_on <- "2026-11-24"
critical <- function(distance, df, level) {
  p <- function(x) if (is.infinite(df)) pnorm(x) else pt(x, df)
  q <- function(x) if (is.infinite(df)) qnorm(x) else qt(x, df)
  f <- function(c) (p(c + distance) - p(-c)) - level
  if (distance == 0) return(q(0.5 + level / 2))
  if (f(q(level)) >= 0) return(q(level))
  root(f, q(level), q(0.5 + level / 2))
}
grid <- expand.grid(distance = c(0, 0.01, 0.1, 0.5, 1, 2, 5, 50), df = c(1, 4, 24, 199, Inf), conf_level = c(0.8, 0.9, 0.95, 0.99))
grid$critical <- mapply(critical, grid$distance, grid$df, grid$conf_level)
write_ref(grid, here("well_share_critical.csv"),
          "Imbens GW, Manski CF (2004) Econometrica 72:1845-1857, equation of the critical value, with Student's t for the normal",
          "scripts/well_share.R")

samples <- list(
  five = list(low = c(0, 10, 20, 40, 60), high = c(30, 10, 50, 84, 70)),
  known = list(low = c(3, 7, 11, 2, 9, 4), high = c(3, 7, 11, 2, 9, 4)),
  two = list(low = c(30, 31), high = c(32, 40)),
  flat_top = list(low = c(0, 5, 7, 12), high = c(84, 84, 84, 84)))
rows <- list()
for (name in names(samples)) for (level in c(0.9, 0.95)) {
  s <- samples[[name]]; n <- length(s$low)
  se <- c(sd(s$low), sd(s$high)) / sqrt(n)
  gap <- mean(s$high) - mean(s$low)
  c0 <- critical(gap / max(se), n - 1, level)
  rows[[length(rows) + 1]] <- data.frame(sample = name, low = paste(s$low, collapse = " "), high = paste(s$high, collapse = " "),
    conf_level = level, mean_low = mean(s$low), mean_high = mean(s$high),
    conf_low = max(0, mean(s$low) - c0 * se[1]), conf_high = min(84, mean(s$high) + c0 * se[2]))
}
write_ref(do.call(rbind, rows), here("well_share_limits.csv"),
          "made-up samples of days in 0 to 84; limits as in Imbens and Manski (2004) with Student's t, cut at 0 and 84",
          "scripts/well_share.R", "t.test(x) gives the limits of the sample `known`, whose bounds are equal")
k <- samples$known$low
stopifnot(all.equal(as.numeric(t.test(k)$conf.int), as.numeric(rows[[4]][c("conf_low", "conf_high")])))
