#!/bin/sh
# Makes .venv hold exactly what locks/$1.txt says (report or develop), plus this checkout itself.
# Needs only a Python from 3.11 to 3.13; does nothing when .venv already matches.
set -eu
cd "$(dirname "$0")/.."
wanted=$1

find_python() {
    for name in ${PYTHON:-python3 python3.13 python3.12 python3.11}; do
        if "$name" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null; then
            command -v "$name"
            return
        fi
    done
    echo "ketastats needs Python 3.11, 3.12 or 3.13. Install one, or name it: make report PYTHON=/path/to/python" >&2
    exit 1
}

python=$(find_python)
hash_of() { "$python" -c 'import hashlib, sys; print(hashlib.sha256(b"".join(open(f, "rb").read() for f in sys.argv[1:])).hexdigest()[:16])' "$@"; }
stamp=.venv/.$wanted-$(hash_of "locks/$wanted.txt" pyproject.toml)
[ -e "$stamp" ] && exit 0
# The development lock contains the report lock, so it serves for both.
[ "$wanted" = report ] && [ -e ".venv/.develop-$(hash_of locks/develop.txt pyproject.toml)" ] && exit 0

uv_pinned='uv==0.13.9'
if [ ! -x .venv/bin/python ]; then
    if ! "$python" -m venv .venv >/dev/null 2>&1; then
        # Debian splits ensurepip from Python; pip alone is enough to fetch uv, which makes the environment.
        rm -rf .venv .uv
        "$python" -m pip install -q --target .uv "$uv_pinned" || {
            echo "This Python has neither venv nor pip. On Debian and Ubuntu: apt install python3-venv" >&2
            exit 1
        }
        .uv/bin/uv venv -q --seed --python "$python" .venv
    fi
fi
if [ -x .uv/bin/uv ]; then uv=.uv/bin/uv; else
    .venv/bin/python -m pip install -q --disable-pip-version-check "$uv_pinned"
    uv=.venv/bin/uv
fi
rm -f .venv/.report-* .venv/.develop-*
echo "Installing the locked $wanted environment into .venv (once)"
VIRTUAL_ENV=$PWD/.venv "$uv" pip install -q --require-hashes --compile-bytecode -r "locks/$wanted.txt"
VIRTUAL_ENV=$PWD/.venv "$uv" pip install -q --no-deps --no-build-isolation --editable .
touch "$stamp"
