"""What a configuration asks for: its plan, and its start."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import click
from aiida import orm
from aiida.common.exceptions import NotExistent
from aiida.engine import ProcessBuilder, submit
from aiida.manage import get_manager

from aiida_getl.acquisition.history import cost_models
from aiida_getl.setup.daemon import ensure_daemon
from aiida_getl.workflows.past_costs import past_costs


def launch(
    config: Path, build: Callable[[], ProcessBuilder], describe: Callable[[ProcessBuilder], str], *, dry_run: bool
) -> orm.ProcessNode | None:
    """Print what a configuration file asks for, and submit it to the daemon unless this is a dry run.

    :param build: makes the builder of what the file says.
    :param describe: tells what a builder would run.
    :return: the process, None for a dry run.
    :raises click.ClickException: if something that the file names does not exist, or an input is not valid.
    """
    try:
        builder = build()
        check_inputs(builder)
        click.echo(describe(builder))
        if dry_run:
            click.echo("Nothing was started: this is what would be run.")
            return None
        click.echo(f"The daemon is {ensure_daemon(get_manager().get_profile().name)}.")
        return submit(builder)
    except click.ClickException as exception:
        raise click.ClickException(f"{config}: {exception.message}") from exception
    except NotExistent as exception:
        raise click.ClickException(
            f"{config}: {exception}. `verdi code list` shows the codes there are, `aiida-getl setup` makes those of "
            "this machine"
        ) from exception
    except (ValueError, FileNotFoundError) as exception:
        raise click.ClickException(f"{config}: {exception}") from exception


def check_inputs(builder: ProcessBuilder) -> None:
    """Refuse what a submission would refuse.

    :raises ValueError: if the inputs are not valid.
    """
    inputs = builder.process_class.spec().inputs
    given = builder._inputs(prune=True)
    message = inputs.validate(inputs.pre_process(dict(given)))
    if message is not None:
        raise ValueError(str(message))
    for name, computer, resources in _resources(given):
        _check_resources(name, computer, dict(resources))


def _resources(inputs: Mapping[str, Any], name: str = "") -> Iterator[tuple[str, orm.Computer, Mapping[str, Any]]]:
    """Yield the computers and resources of the jobs in the inputs of a builder, with the names of their namespaces."""
    options = inputs.get("metadata", {}).get("options") or inputs.get("options") or {}
    if "code" in inputs and "resources" in options and inputs["code"].computer is not None:
        yield name, inputs["code"].computer, options["resources"]
    for key, value in inputs.items():
        if isinstance(value, Mapping):
            yield from _resources(value, f"{name}.{key}" if name else key)


def _check_resources(name: str, computer: orm.Computer, resources: dict[str, Any]) -> None:
    """Refuse resources that the scheduler would refuse once the job is there, in the middle of the work."""
    scheduler = computer.get_scheduler()
    scheduler.preprocess_resources(resources, computer.get_default_mpiprocs_per_machine())
    try:
        scheduler.validate_resources(**resources)
    except (TypeError, ValueError) as exception:
        raise ValueError(
            f"the options of {name} have resources that the scheduler {computer.scheduler_type} of {computer.label} "
            f"does not take: {exception}"
        ) from exception


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
