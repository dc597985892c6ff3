# Functions shared by the reference scripts: full-precision CSV with provenance lines.
made_on <- "2026-11-22"
num <- function(v) {
  out <- sprintf("%.15g", v)
  out[is.infinite(v) & v > 0] <- "inf"
  out[is.infinite(v) & v < 0] <- "-inf"
  out[is.na(v)] <- ""
  out
}
pkg <- function(...) paste(vapply(c(...), function(p) paste(p, utils::packageVersion(p)), ""), collapse = ", ")
quote_if_needed <- function(s) ifelse(grepl("[,\"]", s), paste0('"', gsub('"', '""', s), '"'), s)
write_ref <- function(d, path, source, made, notes = character()) {
  head <- c(paste("# source:", source), paste0("# made: ", made, ", ", R.version.string, ", date ", made_on),
            if (length(notes)) paste("#", notes))
  for (j in seq_along(d)) d[[j]] <- if (is.numeric(d[[j]])) num(d[[j]]) else {
    s <- as.character(d[[j]]); s[is.na(s)] <- ""; quote_if_needed(s) }
  body <- do.call(paste, c(unname(as.list(d)), sep = ","))
  writeLines(c(head, paste(names(d), collapse = ","), body), path)
}
# root of f in [lo, hi] to the last bits
root <- function(f, lo, hi) {
  r <- uniroot(f, c(lo, hi), tol = .Machine$double.eps, maxiter = 10000)$root
  r
}
here <- function(...) file.path(Sys.getenv("REF_DIR", ".."), ...)
