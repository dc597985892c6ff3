#!/bin/sh
# Renews both locks: hashed requirements for Python 3.11 to 3.13, without any index address.
set -eu
cd "$(dirname "$0")/.."
lock() {
    output=$1
    shift
    UV_CUSTOM_COMPILE_COMMAND="make lock" .venv/bin/uv pip compile -q --universal --python-version 3.11 \
        --generate-hashes --no-emit-index-url --no-emit-find-links pyproject.toml locks/build.in "$@" -o "$output"
}
lock locks/report.txt
lock locks/develop.txt --group dev --constraint locks/report.txt
