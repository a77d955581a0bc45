"""Where a model stands: its errors, and its uncertainty where it is to be used."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any


@dataclass(frozen=True)
class TypeAssessment:
    """One bond type. None stands for what is not known.

    Attributes
    ----------
    n_labelled, n_target : bonds in the database, and in the target
    trained : whether the model predicts it
    rmse, rmse_error : eV, of groups left out, and its standard error
    z_std, coverage_95 : calibration there, see :func:`aiida_getl.learning.metrics.regression_metrics`
    rmse_doubled : eV, expected with twice as many labelled bonds, by the learning curve; ``rmse_doubled_low`` and
        ``rmse_doubled_high`` its 68 % interval
    std_mean, std_rms, std_median, std_90 : eV, stated standard deviations of the target's bonds
    share_outside : of the target's bonds, outside the distances labelled
    share_novel : in environments far from those labelled
    wanting : where the model is least certain, the largest share of the total variance first: ``low``, ``high`` (Å),
        ``n_target``, ``n_labelled``, ``std_mean``, ``share_extrapolated``
    value, limit : eV, the quantity that is aimed at, and how large it may be (None without a goal)
    reached : whether ``value`` is at most ``limit``; None without a goal
    """

    n_labelled: int
    n_target: int
    trained: bool
    rmse: float | None
    rmse_error: float | None
    z_std: float | None
    coverage_95: float | None
    rmse_doubled: float | None
    rmse_doubled_low: float | None
    rmse_doubled_high: float | None
    std_mean: float | None
    std_rms: float | None
    std_median: float | None
    std_90: float | None
    share_outside: float
    share_novel: float
    wanting: list[dict[str, Any]]
    value: float | None
    limit: float | None
    reached: bool | None


@dataclass(frozen=True)
class Assessment:
    """All bond types of the target.

    Attributes
    ----------
    types : by bond type
    weights : by bond type, sum one: how much each counts in gains
    uncertainty : eV, the weighted mean of ``std_mean``; a type without a model counts with what is assumed for it, see
        :mod:`aiida_getl.acquisition.gain`
    group_by : what was left out together, ``random`` if that flatters; None if nothing was
    n_structures : of the database
    sentences : what there is to say, in words
    """

    types: dict[str, TypeAssessment]
    weights: dict[str, float]
    uncertainty: float
    group_by: str | None
    n_structures: int
    sentences: list[str]

    @property
    def reached(self) -> bool:
        """Whether there is a goal, and every bond type that counts has reached it."""
        counting = [self.types[name].reached for name in self.types if self.types[name].limit is not None]
        return bool(counting) and all(counting)

    def as_dict(self) -> dict[str, Any]:
        """Return everything as JSON types."""
        return {**asdict(self), "reached": self.reached}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Assessment:
        """Return the assessment that :meth:`as_dict` came from.

        Raises
        ------
        ValueError
            For something missing or unknown.
        """
        own = {name: value for name, value in data.items() if name != "reached"}
        _same_names(own, cls)
        for entry in own["types"].values():
            _same_names(entry, TypeAssessment)
        return cls(**{**own, "types": {name: TypeAssessment(**entry) for name, entry in own["types"].items()}})


def _same_names(data: dict[str, Any], cls: type) -> None:
    wanted = {f.name for f in fields(cls)}
    if set(data) != wanted:
        raise ValueError(f"{cls.__name__} has {sorted(data)}: it must have {sorted(wanted)}")
