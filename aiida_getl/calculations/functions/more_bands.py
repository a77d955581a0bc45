"""Parameters of pw.x for more bands from a charge density that is there."""

from aiida import orm
from aiida.engine import calcfunction


@calcfunction
def more_bands(parameters, n_bands):
    """Return parameters for bands at fixed charge density, at all k-points that are given.

    :param parameters: ``Dict``, those of the self-consistent run.
    :param n_bands: ``Int``, the number of bands per k-point and spin.
    """
    namelists = {name.upper(): dict(values) for name, values in parameters.get_dict().items()}
    control, system = namelists.setdefault("CONTROL", {}), namelists.setdefault("SYSTEM", {})
    for key in ("restart_mode", "tprnfor", "tstress"):
        control.pop(key, None)
    control["calculation"] = "nscf"
    system.update(nbnd=n_bands.value, nosym=True, noinv=True)
    return orm.Dict(namelists)
