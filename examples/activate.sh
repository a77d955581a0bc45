# Makes aiida-getl the current environment of this shell (bash or zsh):
#
#   source examples/activate.sh
#
# AIIDA_PATH points AiiDA to the profile in .aiida of this clone, and to nothing of yours elsewhere; matplotlib keeps its
# list of fonts in .getl.
# shellcheck shell=bash
_getl_root=$(cd "$(dirname "${BASH_SOURCE[0]:-$0}")/.." && pwd)
if [ ! -f "$_getl_root/.venv/bin/activate" ]; then
    echo "aiida-getl is not installed yet: bash $_getl_root/examples/install.sh" >&2
    unset _getl_root
    return 1
fi
# shellcheck disable=SC1091
source "$_getl_root/.venv/bin/activate"
export AIIDA_PATH=$_getl_root MPLCONFIGDIR=$_getl_root/.getl/matplotlib
unset _getl_root
if [[ $- == *i* && -n ${BASH_VERSION:-} ]]; then
    eval "$(_VERDI_COMPLETE=bash_source verdi)"
    eval "$(_AIIDA_GETL_COMPLETE=bash_source aiida-getl)"
elif [[ $- == *i* && -n ${ZSH_VERSION:-} ]]; then
    eval "$(_VERDI_COMPLETE=zsh_source verdi)"
    eval "$(_AIIDA_GETL_COMPLETE=zsh_source aiida-getl)"
fi
