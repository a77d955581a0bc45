"""`aiida-getl dbi export` and `aiida-getl model archive`: what leaves the profile."""

from __future__ import annotations

from pathlib import Path

import click

from aiida_getl.cli.completion import complete_nodes
from aiida_getl.cli.nodes import find_node
from aiida_getl.cli.output import check_new, force_option
from aiida_getl.cli.profile import with_profile

LAYOUTS = ("folder", "database", "lobster", "bnd")


@click.command()
@click.argument("name", metavar="DBI", shell_complete=complete_nodes("dbi"))
@click.argument("target", type=click.Path(path_type=Path))
@click.option(
    "--format",
    "layout",
    type=click.Choice(LAYOUTS),
    help="A folder of extended XYZ, CSV, Parquet and JSON; an ASE database; POSCAR and ICOHPLIST.lobster of each "
    "structure; the layout of the published databases. By default a database if TARGET ends in .db, else a folder.",
)
@click.option("--licence", help="Under which others may use it, e.g. CC-BY-4.0; kept in the metadata.")
@click.option("--citation", help="How to cite it, e.g. a DOI; kept in the metadata.")
@with_profile
def export(name: str, target: Path, layout: str | None, licence: str | None, citation: str | None) -> None:
    """Write DBI (PK, UUID or label) to TARGET, for programs and people without AiiDA.

    `aiida-getl dbi import TARGET` reads it back, with all digits. LOBSTER's files have five of them, and
    `aiida-getl dbi import TARGET/pairs.csv` reads them with their runs. The layout of the published databases has no
    place for lattice translations; `numbers.csv` in it says what its numbers stand for.

    \b
    Examples:
        aiida-getl dbi export published shared/labels --licence CC-BY-4.0 --citation "doi:10.1103/..."
        aiida-getl dbi export published labels.db
        aiida-getl dbi export published lists --format lobster
        aiida-getl dbi export published DB1 --format bnd
    """
    from aiida_getl.data.dbi import DbiData
    from aiida_getl.export import export_dbi

    found = find_node(name, DbiData)
    assert isinstance(found, DbiData)
    chosen = layout or ("database" if target.suffix == ".db" else "folder")
    try:
        files = export_dbi(found, target, chosen, licence, citation)
    except FileExistsError as exception:
        raise click.ClickException(f"{target} exists already: name a new one") from exception
    except (ValueError, OSError) as exception:
        raise click.ClickException(str(exception)) from exception
    for path in files:
        click.echo(f"Wrote       {path}")
    if chosen in ("folder", "database") and not (licence and citation):
        click.echo("Others cannot tell under which conditions they may use it: --licence and --citation say so")


@click.command()
@click.argument("name", metavar="MODEL|DBI|PREDICTION", shell_complete=complete_nodes("model", "dbi", "bonds"))
@click.argument("path", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path))
@force_option
@with_profile
def archive(name: str, path: Path, force: bool) -> None:
    """Write a model, database or prediction with all that it rests on to FILE, an archive of AiiDA.

    It is named by its PK, UUID or label. Whoever loads the archive by `verdi archive import FILE` has the same nodes:
    `aiida-getl trace` answers there as here, and `aiida-getl model predict` gives the same numbers.

    \b
    Example:
        aiida-getl model archive published published.aiida
    """
    from aiida.tools.archive import create_archive
    from aiida.tools.archive.exceptions import ArchiveExportError

    from aiida_getl.data.bonds import BondStrengthsData
    from aiida_getl.data.dbi import DbiData
    from aiida_getl.data.model import BondModelData

    found = find_node(name, (BondModelData, DbiData, BondStrengthsData))
    check_new(path, force)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        create_archive([found], filename=path, overwrite=force)
    except (ArchiveExportError, OSError) as exception:
        raise click.ClickException(str(exception)) from exception
    click.echo(f"Wrote       {path} ({path.stat().st_size / 1e6:.1f} MB)")
    click.echo(f"Next        verdi archive import {path}, then aiida-getl trace {found.uuid}")
