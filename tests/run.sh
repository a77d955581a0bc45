#!/usr/bin/env bash
# Installs what the tests need, then lints, type-checks and tests. Arguments go to pytest:
#
#   bash tests/run.sh -m "not production"
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
bash examples/install.sh --tests
export PATH=$PWD/.venv/bin:$PATH MPLCONFIGDIR=$PWD/.getl/matplotlib OMP_NUM_THREADS=1
ruff check .
ruff format --check .
mypy
if (($#)); then exec pytest --durations=15 "$@"; fi
# Two files at a time, but for those that start the services of a cluster.
pytest --durations=25 -n 2 --dist loadfile -m "not production"
exec pytest --durations=10 -m production
