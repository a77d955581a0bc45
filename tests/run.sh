#!/usr/bin/env bash
# Installs what the tests need, then lints, type-checks and tests. Arguments go to pytest:
#
#   bash tests/run.sh -m "not slow"
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
bash examples/install.sh --tests
export PATH=$PWD/.venv/bin:$PATH MPLCONFIGDIR=$PWD/.getl/matplotlib OMP_NUM_THREADS=1
ruff check .
ruff format --check .
mypy
exec pytest --durations=15 "$@"
