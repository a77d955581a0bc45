"""The configuration of a loop of active learning: from a YAML file to a builder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from aiida_getl.cli.config_check import BUDGETS, loop_schema
from aiida_getl.cli.run import CODES, DEFAULT_CODES, load_potential, read_yaml

if TYPE_CHECKING:
    from aiida import orm

REQUIRED = {"seed", "target"}


def read_loop_config(path: Path) -> dict[str, Any]:
    """Return the contents of a configuration file.

    :raises click.ClickException: as :func:`aiida_getl.cli.run.read_yaml`, and for no start, or two.
    """
    settings = read_yaml(path, REQUIRED, loop_schema(CODES), "aiida-getl loop start")
    if ("dbi" in settings) == ("compositions" in settings):
        raise click.ClickException(
            f"{path}: give either dbi, the labels to start from, or compositions, of which runs are labelled first"
        )
    for name in ("target", "compositions"):
        if name in settings and not isinstance(settings[name], list):
            settings[name] = [settings[name]]
    return settings


def build_loop(path: Path, settings: dict[str, Any]):
    """Return the builder that a configuration describes; what past runs and labels have cost is looked up.

    :raises click.ClickException: for what does not exist.
    :raises ValueError: for what makes no sense.
    """
    from aiida import orm

    from aiida_getl.cli.nodes import find_node
    from aiida_getl.data.dbi import DbiData
    from aiida_getl.workflows.active_learning import ActiveLearningWorkChain
    from aiida_getl.workflows.past_costs import past_costs

    targets, compositions = _targets(settings["target"], path.parent)
    overrides = {**settings.get("overrides", {}), **{name: settings[name] for name in BUDGETS if name in settings}}
    if "max_core_hours" in overrides:
        overrides["max_core_hours"] = float(overrides["max_core_hours"])
    builder = ActiveLearningWorkChain.get_builder_from_protocol(
        {**DEFAULT_CODES, **settings.get("codes", {})},
        settings["seed"],
        dbi=find_node(str(settings["dbi"]), DbiData) if "dbi" in settings else None,
        compositions=settings.get("compositions"),
        targets=targets,
        target_compositions=compositions,
        potential=load_potential(settings["potential"], path.parent) if "potential" in settings else None,
        goal=settings.get("goal"),
        protocol=settings.get("protocol"),
        overrides=overrides,
        options=settings.get("options"),
    )
    rows = past_costs(builder)
    if rows:
        builder.history = orm.Dict({"rows": rows})
    builder.metadata.label = str(settings.get("label", path.stem))
    return builder


def _targets(given: list[str | int], folder: Path) -> tuple[dict[str, orm.Data], dict[str, str]]:
    """Return the structures and the compositions of a target, by names that links can carry."""
    from aiida import orm

    from aiida_getl.cli.nodes import find_node
    from aiida_getl.exchange.sources import identifier
    from aiida_getl.importer import import_structure_file
    from aiida_getl.structures.composition import parse_composition

    targets: dict[str, orm.Data] = {}
    compositions: dict[str, str] = {}
    for number, each in enumerate(map(str, given), start=1):
        name = f"{identifier(Path(each).stem)}_{number}"
        if (folder / each).is_file():
            targets[name] = import_structure_file(folder / each)
            continue
        try:
            parse_composition(each)
        except ValueError:
            if Path(each).suffix or "/" in each:
                raise click.ClickException(f"target {each}: there is no such file in {folder}") from None
            targets[name] = find_node(each, (orm.StructureData, orm.TrajectoryData))
        else:
            compositions[name] = each
    return targets, compositions
