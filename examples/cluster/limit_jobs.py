"""Limit the labels and runs of all campaigns that are under way on a computer at a time, or lift the limit:

    verdi run examples/cluster/limit_jobs.py CLUSTER 100
    verdi run examples/cluster/limit_jobs.py CLUSTER none

Campaigns look it up whenever one of their labels or runs has ended, so it can be changed while they run.
"""

from __future__ import annotations

import sys

from aiida import orm
from aiida.common.exceptions import NotExistent

from aiida_getl.workflows.room import count_jobs, set_max_jobs


def main() -> None:
    """Set the limit that the arguments name."""
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    label, text = sys.argv[1:]
    try:
        computer = orm.load_computer(label)
        set_max_jobs(computer, None if text == "none" else int(text))
    except NotExistent:
        sys.exit(f"There is no computer {label!r}: see `verdi computer list`.")
    except ValueError as error:
        sys.exit(f"{error}")
    print(f"{label}: {text} jobs at a time; {count_jobs(computer)} are under way.")


if __name__ == "__main__":
    main()
