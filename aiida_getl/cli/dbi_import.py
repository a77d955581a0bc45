"""`aiida-getl dbi import`: labels made elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from aiida_getl.cli.learning import listening
from aiida_getl.cli.nodes import give_label
from aiida_getl.cli.profile import load
from aiida_getl.cli.tables import table
from aiida_getl.data.methods import method_name

if TYPE_CHECKING:
    from aiida import orm

    from aiida_getl.data.dbi import DbiData
    from aiida_getl.exchange.sources import Problem, Source

mixed_option = click.option(
    "--mixed", is_flag=True, help="Join labels of different methods, although they are on different scales."
)
r_max_option = click.option(
    "--r-max",
    type=click.FloatRange(min=0, min_open=True),
    default=4.2,
    show_default=True,
    help="Count the bonds up to this length (Å) that a list lacks; all listed ones are kept.",
)
keep_faulty_option = click.option(
    "--keep-faulty", is_flag=True, help="Take labels that are marked as faulty, too (`aiida-getl query marks`)."
)


@click.command("import")
@click.argument("path", required=False, type=click.Path(exists=True, path_type=Path))
@click.option(
    "--structure", "structures", multiple=True, type=click.Path(path_type=Path), help="Structure file; repeatable."
)
@click.option(
    "--icohplist",
    "icohplists",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Its ICOHPLIST.lobster; as often as --structure, in the same order.",
)
@click.option("--label", help="Name of the DBI and of the group of all nodes; by default that of PATH.")
@r_max_option
@mixed_option
@keep_faulty_option
@click.option("--dry-run", is_flag=True, help="Read everything, report, and store nothing.")
@click.option(
    "--table",
    "manifest",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Also write what was found as a table (CSV), to edit runs and sub-runs and import it instead.",
)
def import_command(
    path: Path | None,
    structures: tuple[Path, ...],
    icohplists: tuple[Path, ...],
    label: str | None,
    r_max: float,
    mixed: bool,
    keep_faulty: bool,
    dry_run: bool,
    manifest: Path | None,
) -> None:
    """Import structures with their ICOHPs, and build a DBI of them.

    PATH is one of these:
    a folder in the layout of the published data, <composition>/c/md/lammps/<atoms>/<run>/<temperature>/<sub-run>/,
    or any folder above; a folder with an ICOHPLIST.lobster and a structure in each of its subfolders; a table (CSV)
    with the columns structure and icohplist, and perhaps run and sub_run, where structures of one run are validated
    together; what `aiida-getl dbi export` wrote, a folder or an ASE database (.db); or a folder of .bnd databases,
    which hold no structures. Single structures are given by --structure and --icohplist. ICOHPLIST.lobster may be of
    LOBSTER 2 to 6, and every file packed (.gz).

    The files are kept with their paths and SHA-256 checksums as the origin of every label. What was imported before
    is found again, not doubled. A structure that cannot be read or has no label is reported and recorded, and the
    others are imported.

    \b
    Examples:
        aiida-getl dbi import prm4_113603 --label published
        aiida-getl dbi import calculations --dry-run --table pairs.csv
        aiida-getl dbi import pairs.csv --label mine
        aiida-getl dbi import --structure POSCAR --icohplist ICOHPLIST.lobster --label mine
    """
    from aiida_getl.exchange.dataset import is_exported

    if manifest is not None and manifest.exists():
        raise click.ClickException(
            f"--table {manifest} is there already, perhaps edited: name a new file, or remove it"
        )
    if path is not None and path.is_dir() and _has_databases(path):
        _import_databases(path, label or _name(path), dry_run)
        return
    if path is not None and is_exported(path):
        _import_exported(path, label or path.resolve().stem, r_max, dry_run)
        return
    sources, problems = find(path, structures, icohplists)
    _report_sources(sources, problems)
    if manifest is not None:
        _write_manifest(sources, manifest)
        click.echo(f"Table       {manifest}")
    if dry_run:
        _dry_run(sources)
        return
    load(create=True)
    name = label or (_name(path) if path else sources[0].run)
    settings = {"r_max": r_max} | ({"mixed_methods": True} if mixed else {})
    node = _store(sources, name, settings, keep_faulty=keep_faulty)
    click.echo(f"Next        aiida-getl model train {node.pk}")


def find(
    path: Path | None, structures: tuple[Path, ...], icohplists: tuple[Path, ...]
) -> tuple[list[Source], list[Problem]]:
    """Return what a person wants to import.

    :raises click.ClickException: for nothing to import, or files that are not there or not understood.
    """
    from aiida_getl.exchange import loose, original

    if (path is None) == (not structures and not icohplists):
        raise click.UsageError("give a PATH, or --structure and --icohplist")
    if len(structures) != len(icohplists):
        raise click.UsageError(f"{len(structures)} --structure and {len(icohplists)} --icohplist: they go in pairs")
    try:
        if path is None:
            sources = [loose.pair(*files) for files in zip(structures, icohplists, strict=True)]
            loose.refuse_repeated(sources)
            return sources, []
        if path.is_file():
            return loose.read_manifest(path), []
        if original.is_layout(path):
            return original.find_sources(path)
        return loose.find_pairs(path)
    except (OSError, ValueError) as exception:
        raise click.ClickException(str(exception)) from exception


def import_files(path: Path) -> DbiData:
    """Import files with the default settings, and return their DBI."""
    sources, problems = find(path, (), ())
    _report_sources(sources, problems)
    return _store(sources, _name(path), {"r_max": 4.2})


def _has_databases(path: Path) -> bool:
    from aiida_getl.exchange.bnd import find_databases

    return bool(find_databases(path))


def _import_databases(path: Path, name: str, dry_run: bool) -> None:
    """Import a folder of ``.bnd`` files."""
    from aiida_getl.exchange.bnd import to_table

    if dry_run:
        try:
            found, descriptors, _ = to_table(path)
        except ValueError as exception:
            raise click.ClickException(str(exception)) from exception
        click.echo(table(("bonds", "number"), [(name, len(found.of_type(name))) for name in found.types()]))
        click.echo(f"They are of {len(found.structures)} sub-runs")
        click.echo(f"SOAP vectors: {'of every atom' if descriptors else 'not of every atom'}")
        click.echo("Nothing was stored (--dry-run).")
        return
    load(create=True)
    from aiida_getl.importer import import_databases

    node = _import_as(name, lambda group: import_databases(path, group))
    click.echo(f"Left out    {len(node.left_out)} sub-runs without labels")
    click.echo("It has no structures, which a model needs: import the folders of the sub-runs to train one.")


def _import_exported(path: Path, name: str, r_max: float, dry_run: bool) -> None:
    """Import what `aiida-getl dbi export` wrote."""
    if dry_run:
        from aiida_getl.exchange.dataset import read_database, read_folder

        try:
            found, metadata = read_folder(path) if path.is_dir() else read_database(path)
        except ValueError as exception:
            raise click.ClickException(str(exception)) from exception
        n_bonds = sum(len(each.bonds) for each in found)
        click.echo(f"{metadata.get('title', path.name)}: {n_bonds} bonds of {len(found)} structures")
        click.echo("Nothing was stored (--dry-run).")
        return
    load(create=True)
    from aiida_getl.export import import_exported

    node = _import_as(name, lambda group: import_exported(path, group, {"r_max": r_max}))
    click.echo(f"Next        aiida-getl model train {node.pk}")


def _import_as(name: str, run: Callable[[orm.Group], tuple[DbiData, bool]]) -> DbiData:
    """Import a DBI into the group ``name``, report, and return it; ``run`` tells whether it is new, too."""
    from aiida import orm

    group, _ = orm.Group.collection.get_or_create(label=name)
    try:
        node, is_new = run(group)
    except ValueError as exception:
        raise click.ClickException(str(exception)) from exception
    give_label(node, name)
    click.echo(f"DBI         <{node.pk}> {name!r} {'built' if is_new else 'was there already'}")
    click.echo(f"            {count_types(node)}")
    return node


def _name(path: Path) -> str:
    return path.resolve().name.removesuffix(".csv")


def _store(sources: list[Source], name: str, settings: dict, *, keep_faulty: bool = False) -> DbiData:
    """Import structures into the group ``name``, report, and return their DBI."""
    from aiida import orm

    from aiida_getl.importer import dbi_of, import_all

    group, _ = orm.Group.collection.get_or_create(label=name)
    with click.progressbar(
        import_all(sources, group), length=len(sources), label="Importing", file=sys.stderr
    ) as progress:
        imported = list(progress)
    new = sum(item.is_new for item in imported)
    labelled = [item.bonds for item in imported if item.bonds is not None]
    click.echo(f"Imported    {new} structures, found {len(imported) - new} that were there already")
    click.echo(f"Labels      {len(labelled)}, {sum(bonds.n_bonds for bonds in labelled)} bonds")
    if any(bonds.method.get("engine") is None for bonds in labelled):
        click.echo("            Some have no lobsterout beside them: whether all are by one method cannot be checked")
    click.echo(f"Left out    {len(imported) - len(labelled)} structures")
    for item in imported:
        if item.reason is not None:
            click.echo(f"            {item.source.run} {item.source.sub_run}: {item.reason}")
    click.echo(f"Building the DBI of group {name!r} ...", err=True)
    try:
        with listening():
            node, is_new = dbi_of(imported, settings, group, keep_faulty=keep_faulty)
    except ValueError as exception:
        raise click.ClickException(str(exception) + hint_mixed(str(exception))) from exception
    give_label(node, name)
    click.echo(f"DBI         <{node.pk}> {name!r} {'built' if is_new else 'was there already'}")
    click.echo(f"            {count_types(node)}")
    gaps = [entry["n_bonds"] for entry in node.left_out if "n_bonds" in entry]
    if gaps:
        r_max = settings["r_max"]
        click.echo(f"            {sum(gaps)} bonds within {r_max:g} Å of {len(gaps)} structures are not in their lists")
    n_faulty = len(labelled) - len(node.structures)
    if n_faulty:
        click.echo(f"            without {n_faulty} labels that are faulty: `aiida-getl dbi show {node.pk}` says why")
    return node


def _report_sources(sources: list[Source], problems: list[Problem]) -> None:
    runs = {source.run for source in sources}
    click.echo(f"Found       {len(sources)} structures in {len(runs)} runs")
    if len(runs) == len(sources) > 1 and not any(source.origin for source in sources):
        click.echo(
            "            Each is taken as a glass of its own. If some are strains or frames of one glass, errors are\n"
            "            flattered: give them one run in a table (--table pairs.csv writes one to edit)."
        )
    for problem in problems:
        click.echo(f"Left out    {problem.path}: {problem.reason}")


def _write_manifest(sources: list[Source], path: Path) -> None:
    from aiida_getl.exchange.loose import write_manifest

    try:
        write_manifest(sources, path)
    except OSError as exception:
        raise click.ClickException(f"the table cannot be written: {exception}") from exception


def _dry_run(sources: list[Source]) -> None:
    """Read all labels without a node."""
    rows = [_read(source) for source in sources]
    click.echo(table(("run", "sub-run", "bonds", "spilling", "labelled by", "remarks"), rows))
    click.echo("Nothing was stored (--dry-run).")
    if all(row[2] is None for row in rows):
        raise SystemExit(1)


def _read(source: Source) -> tuple[object, ...]:
    from aiida_getl.exchange.label import read_label

    try:
        label = read_label(source.files, source.status)
    except ValueError as exception:
        return source.run, source.sub_run, None, None, None, f"no label: {exception}"
    spilling = None if label.spilling is None else f"{label.spilling:.1%}"
    notes = "; ".join((*source.notes, *label.notes))
    return source.run, source.sub_run, len(label.bonds), spilling, method_name(label.method), notes


def count_types(node: DbiData) -> str:
    """Return how many bonds of each type a DBI has."""
    counts = ", ".join(f"{count} {name}" for name, count in sorted(node.bond_types.items()))
    return f"{sum(node.bond_types.values())} bonds ({counts})"


def hint_mixed(message: str) -> str:
    """Return the option that allows what a message refuses."""
    return " (--mixed)" if "ask for a mixture" in message else ""
