"""What a campaign would run, before anything is started."""

from __future__ import annotations

from aiida import orm
from aiida.engine import ProcessBuilder

from aiida_getl.acquisition.history import cost_models
from aiida_getl.workflows.past_costs import past_costs


def check_inputs(builder: ProcessBuilder) -> None:
    """Refuse what a submission would refuse.

    :raises ValueError: if the inputs are not valid.
    """
    inputs = builder.process_class.spec().inputs
    message = inputs.validate(inputs.pre_process(dict(builder._inputs(prune=True))))
    if message is not None:
        raise ValueError(str(message))


def describe_campaign(builder: ProcessBuilder) -> str:
    """Return what a campaign would run and where, and what it may cost.

    :param builder: of `getl.getl`.
    """
    n_runs, n_atoms = builder.n_runs.value, builder.n_atoms.value
    sub_runs = builder.sub_runs.get_list()
    n_labels = n_runs * len(sub_runs)
    composition = builder.composition
    name = composition.value if isinstance(composition, orm.Str) else composition.get_dict()
    codes = {
        "melt-quench": builder.melt_quench.lammps["code"],
        "pw.x": builder.label.scf.pw.code,
        "bond analysis": builder.label.lobster.code,
        "learning": builder.etl_model.get("code"),
    }
    return "\n".join(
        [
            f"Campaign    {builder.metadata.label}: {name}, seed {builder.seed.value}",
            f"Potential   {builder.potential.filename}",
            f"Generate    {n_runs} melt-quench runs of {n_atoms} atoms, and one of {builder.large_n_atoms.value}",
            f"Label       {n_labels} cells, {builder.max_concurrent.value} at a time",
            f"            of each run: {', '.join(sub_runs)}",
            "Codes       "
            + ", ".join(f"{what} by {code.full_label}" for what, code in codes.items() if code is not None),
            f"Costs       {_costs(builder, n_runs, n_labels)}",
        ]
    )


def _costs(builder: ProcessBuilder, n_runs: int, n_labels: int) -> str:
    """Return what labels by the same codes and settings say about the core-hours of a campaign."""
    n_atoms = builder.n_atoms.value
    models = cost_models(past_costs(builder), n_atoms)
    if not models["deformation"].n_observations:
        return "not known: this profile has no label by these codes and settings yet"
    label, with_run = models["deformation"](n_atoms), models["composition"](n_atoms)
    hours = n_runs * (with_run - label) + n_labels * label
    return (
        f"about {hours:.3g} core-hours, by {models['deformation'].n_observations} past labels; the cell of "
        f"{builder.large_n_atoms.value} atoms and the learning are not counted"
    )
