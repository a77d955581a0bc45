"""Train a model for every bond type; the methods it is compared with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiida_getl.learning.dataset import BondTable
from aiida_getl.learning.descriptors import BondEnvironment, EndAtomSoap, from_settings
from aiida_getl.learning.ensemble import BondEnsemble
from aiida_getl.learning.kernels import BondSoapKernel, DistanceKernel, PublishedKernel
from aiida_getl.learning.model import EtlModel
from aiida_getl.learning.regression import BondRegressor
from aiida_getl.learning.selection import select
from aiida_getl.learning.settings import validate_settings
from aiida_getl.learning.splits import GroupBy, group_labels
from aiida_getl.learning.threads import side_by_side

#: Length θ in Å and regularisation γ of the published models; the weights are (K + γ std(y))^-1 y.
PUBLISHED_PARAMETERS = {
    "Al-Al": (0.5, 0.005),
    "Cu-Al": (0.5, 0.005),
    "Cu-Cu": (0.5, 0.010),
    "Zr-Al": (0.5, 0.010),
    "Zr-Zr": (0.5, 0.010),
    "Zr-Cu": (1.0, 0.040),
}

METHODS = ("distance_only", "published", "model")

#: Bonds that the methods for comparison train on at most, exactly: as many as were published, and then some.
MAX_BONDS_COMPARED = 2500

#: Inducing bonds where the distance is all there is: a curve needs no more.
INDUCING_OF_DISTANCE = 200

#: Where the kernel of the Gaussian process starts, by its prior mean. Without a mean it has to explain the strengths
#: themselves, 0 to 5 eV, and not what a curve leaves over.
KERNELS = {
    "exponential": BondSoapKernel(),
    "zero": BondSoapKernel(
        variance=0.3, distance_variance=1.0, variance_bounds=(1e-3, 10.0), distance_variance_bounds=(1e-3, 1e2)
    ),
}

Fit = Callable[[NDArray, NDArray, NDArray, str], BondRegressor | BondEnsemble]


def train(table: BondTable, settings: dict[str, Any], seed: int) -> EtlModel:
    """Train one regressor per bond type.

    Parameters
    ----------
    table : labelled bonds with the descriptor of the settings
    settings : see :mod:`aiida_getl.learning.settings`
    seed : of every random choice

    Returns
    -------
    EtlModel; bond types with too few bonds are in its ``untrained``, with the reason.
    """
    settings = validate_settings(settings)
    table = within_reach(table, settings)
    groups = group_labels(table, grouping(table, settings["group_by"]), seed=seed)
    fit = methods(table, settings, seed)["model"]
    kind = settings["descriptor"]["kind"]
    parts = {name: table.type == name for name in table.types()}
    untrained = {
        name: f"{mine.sum()} bonds, at least {settings['min_bonds']} are needed (min_bonds)"
        for name, mine in parts.items()
        if mine.sum() < settings["min_bonds"]
    }
    trained = [name for name in parts if name not in untrained]

    def fit_type(name: str) -> BondEnsemble:
        part = table.select(parts[name])
        regressor = fit(part.design_matrix(kind), part.strength, groups[parts[name]], name)
        assert isinstance(regressor, BondEnsemble)
        return regressor

    largest = max((int(parts[name].sum()) for name in trained), default=0) * table.descriptors[kind][:1].nbytes
    regressors = dict(zip(trained, side_by_side(fit_type, trained, n_bytes=largest), strict=True))
    ranges = {
        name: (float(table.distance[parts[name]].min()), float(table.distance[parts[name]].max())) for name in trained
    }
    return EtlModel(regressors, ranges, settings["descriptor"], float(settings["r_max"]), untrained, settings, seed)


def within_reach(table: BondTable, settings: dict[str, Any]) -> BondTable:
    """Return the bonds to learn, after a check that the table holds their descriptor."""
    kind = settings["descriptor"]["kind"]
    expected = from_settings(settings["descriptor"]).n_features
    if kind not in table.descriptors:
        raise ValueError(f"the bond table has no descriptor {kind!r}; it has {sorted(table.descriptors)}")
    if (found := table.descriptors[kind].shape[1]) != expected:
        raise ValueError(
            f"the table's {kind} has {found} features, its settings make {expected}: use those it came from"
        )
    near = table.select(table.distance <= settings["r_max"])
    if not len(near):
        raise ValueError(f"none of the {len(table)} bonds is within r_max = {settings['r_max']} Å")
    return near


def grouping(table: BondTable, by: str) -> GroupBy:
    """Resolve ``auto``: whole runs if there are several, else the strains of the one."""
    if by != "auto":
        return by  # type: ignore[return-value]
    used = np.unique(table.structure)
    return "run" if len({str(table.structures[k]["run"]) for k in used}) > 1 else "strain"


def descriptor_of(method: str, settings: dict[str, Any]) -> str:
    """Return the kind of descriptor that a method learns from."""
    return EndAtomSoap.kind if method == "published" else settings["descriptor"]["kind"]


def methods(table: BondTable, settings: dict[str, Any], seed: int) -> dict[str, Fit]:
    """Return what trains each method: (X, y, groups, bond type) to a regressor.

    The setting ``selection`` is that of the model; the methods for comparison draw their bonds at random.
    """
    size = {
        "max_bonds": min(settings["max_bonds"], MAX_BONDS_COMPARED),
        "max_bonds_hyperparameters": settings["max_bonds_hyperparameters"],
        "max_inducing": MAX_BONDS_COMPARED,
        "seed": seed,
    }
    descriptor = from_settings(settings["descriptor"])
    n_screening, n_density = 0, 0
    if isinstance(descriptor, BondEnvironment):
        n_screening, n_density = descriptor.n_screening, descriptor.n_density

    def distance_only(X: NDArray, y: NDArray, groups: NDArray, name: str) -> BondRegressor:
        return BondRegressor(kernel=DistanceKernel(), **{**size, "max_inducing": INDUCING_OF_DISTANCE}).fit(
            X[:, :1], y, groups
        )

    def published(X: NDArray, y: NDArray, groups: NDArray, name: str) -> BondRegressor:
        length, gamma = PUBLISHED_PARAMETERS.get(name, (0.5, 0.010))
        kernel = PublishedKernel(length=length)
        return BondRegressor(
            kernel, noise=gamma * max(float(np.std(y)), 1e-3), mean="zero", optimise=False, **size
        ).fit(X, y)

    def model(X: NDArray, y: NDArray, groups: NDArray, name: str) -> BondEnsemble:
        if len(y) > settings["max_bonds"]:
            chosen = chosen_bonds(X, y, groups, name)
            X, y, groups = X[chosen], y[chosen], groups[chosen]
        return BondEnsemble(
            n_screening,
            n_density,
            kernel=KERNELS[settings["prior_mean"]],
            mean=settings["prior_mean"],
            max_bonds=settings["max_bonds"],
            max_bonds_hyperparameters=settings["max_bonds_hyperparameters"],
            max_inducing=settings["max_inducing"],
            seed=seed,
        ).fit(X, y, groups)

    def chosen_bonds(X: NDArray, y: NDArray, groups: NDArray, name: str) -> NDArray[np.int64]:
        def fit_std(known: NDArray[np.int64]) -> Callable[[NDArray], NDArray]:
            regressor = model(X[known], y[known], groups[known], name)
            return lambda rows: regressor.predict(rows, return_std=True)[1]

        return np.sort(select(settings["selection"], X, settings["max_bonds"], seed, y, fit_std))

    table_of_methods: dict[str, Fit] = {"distance_only": distance_only, "published": published, "model": model}
    if EndAtomSoap.kind not in table.descriptors:
        del table_of_methods["published"]
    return table_of_methods
