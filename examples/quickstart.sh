#!/usr/bin/env bash
# From a clean clone to predicted bond strengths of a Cu-Zr glass: installs, sets up, and runs examples/quickstart.yaml.
# Arguments go to `aiida-getl run`. Nothing but system packages is put outside this clone.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
bash examples/install.sh
source examples/activate.sh
aiida-getl setup
aiida-getl run examples/quickstart.yaml "$@"
