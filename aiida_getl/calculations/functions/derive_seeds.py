"""Independent seeds for the parts of a campaign, from one."""

import numpy as np
from aiida import orm
from aiida.engine import calcfunction


@calcfunction
def derive_seeds(seed, n_runs):
    """Return a seed for every melt-quench run (`run_0`, ...), for the large cell and for the learning.

    A campaign of more runs keeps the seeds of the runs that a smaller one had, so that these come from the cache.
    """
    names = ["large", "learning", *(f"run_{i}" for i in range(n_runs.value))]
    sequence = np.random.SeedSequence(seed.value)
    return {
        name: orm.Int(int(child.generate_state(1)[0] % 899_999_999) + 1)
        for name, child in zip(names, sequence.spawn(len(names)), strict=True)
    }
