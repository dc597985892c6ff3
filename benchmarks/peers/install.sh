#!/usr/bin/env bash
# Makes .peers/, the environment of the Python packages that benchmarks compare with. Run from anywhere:
#
#     benchmarks/peers/install.sh [python3.11]
#
# The project's own .venv is not touched. R's survival comes with R and is found by Rscript.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
python=${1:-python3.11}

"$python" -m venv --clear "$root/.peers"
echo '*' > "$root/.peers/.gitignore" # git and the linter leave it alone
"$root/.peers/bin/python" -m pip install --quiet --disable-pip-version-check -r "$here/requirements.txt"
"$root/.peers/bin/python" -c "
import greenwood, lifelines
print('lifelines', lifelines.__version__, 'and greenwood', greenwood.__version__, 'are in .peers')
"
