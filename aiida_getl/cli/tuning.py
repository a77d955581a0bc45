"""`aiida-getl model importance`, `learning-curve` and `tune`: what accuracy rests on, and how to raise it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import yaml

from aiida_getl.cli.learning import (
    code_option,
    dbi_argument,
    describe_validation,
    find_dbi,
    listening,
    read_yaml,
    run_task,
    seed_option,
    settings_option,
    to_dict,
    to_int,
)
from aiida_getl.cli.profile import with_profile
from aiida_getl.cli.run import results_option
from aiida_getl.cli.tables import table


@click.command()
@dbi_argument
@click.option(
    "--repeats", type=click.IntRange(min=1), default=5, show_default=True, help="Permutations to average over."
)
@settings_option
@seed_option
@code_option
@results_option
@with_profile(create=True)
def importance(source: str, repeats: int, settings: dict, seed: int, code: str | None, results: Path) -> None:
    """Tell how much of the accuracy comes from the distance, and how much from the environment of a bond.

    Groups of DBI (a PK, UUID or label, or files) are left out in turn. Then their bonds get the distance of another
    bond, the environment of another bond, or the environment of another bond of about the same length, and the error
    grows the more, the more the model uses it. The last is what the environment is worth beyond the distance.

    \b
    Example:
        aiida-getl model importance published --set group_by=strain
    """
    from aiida_getl.calculations.functions.importance import importance as importance_of
    from aiida_getl.report.validation_figures import importance as draw

    dbi = find_dbi(source)
    inputs = {"dbi": dbi, "settings": to_dict({**settings, "n_repeats": repeats}), "seed": to_int(seed)}
    with listening():
        found = run_task(importance_of, code, **inputs)["result"].get_dict()
    click.echo(
        f"Each of {found['n_groups']} groups (by {found['group_by']}) predicted from the others; RMSE in eV, and"
    )
    click.echo("how many times that of the model it is, with the environment or distance of other bonds")
    click.echo()
    keys = ("environment_at_distance", "environment", "distance")
    rows = []
    for name, own in sorted(found["values"].items()):
        rmse = own["model"]["rmse"]
        changed = [f"{own[key]['rmse']:.4f} ({own[key]['rmse'] / rmse:.1f}x)" for key in keys]
        rows.append((name, f"{rmse:.4f}", *changed))
    headings = ("bonds", "model", "environment, same length", "environment, any length", "distance")
    click.echo(table(headings, rows))
    for name, reason in sorted(found["skipped"].items()):
        click.echo(f"Not tested  {name}: {reason}")
    if found["values"]:
        click.echo(f"Figure      {draw(results / 'importance.png', found['values'])}")


@click.command("learning-curve")
@dbi_argument
@click.option(
    "--selection",
    "selections",
    multiple=True,
    help="How training bonds are chosen; repeatable. [default: random, by_group]",
)
@click.option("--sizes", help="Numbers of training bonds, e.g. 50,100,200; by default doublings up to all.")
@settings_option
@seed_option
@code_option
@results_option
@with_profile(create=True)
def learning_curve(
    source: str,
    selections: tuple[str, ...],
    sizes: str | None,
    settings: dict,
    seed: int,
    code: str | None,
    results: Path,
) -> None:
    """Tell how the errors on groups left out fall with the number of training bonds, and whether more would help.

    DBI is a PK, UUID or label, or files that `aiida-getl dbi import` understands.

    \b
    Example:
        aiida-getl model learning-curve published --selection random --selection farthest_point --sizes 100,200,400
    """
    from aiida_getl.calculations.functions.learning_curve import learning_curve as curve_of
    from aiida_getl.report.validation import draw_selections

    dbi = find_dbi(source)
    if selections:
        settings["selections"] = list(selections)
    if sizes:
        try:
            settings["sizes"] = [int(size) for size in sizes.split(",")]
        except ValueError as exception:
            raise click.UsageError(f"--sizes {sizes}: give whole numbers, e.g. 50,100,200") from exception
    with listening():
        outputs = run_task(curve_of, code, dbi=dbi, settings=to_dict(settings), seed=to_int(seed))
    curve = outputs["result"].get_dict()
    rows = [
        (bond, selection, point["n_bonds"], f"{point['rmse']:.4f}", _optional(point["rmse_error"]))
        for bond, own in sorted(curve["points"].items())
        for selection, points in own.items()
        for point in points
    ]
    click.echo(f"Groups left out in turn: {curve['n_groups']} (by {curve['group_by']})")
    click.echo(table(("bonds", "selection", "trained on", "RMSE (eV)", "± (eV)"), rows))
    for bond, forecast in sorted(curve["forecast"].items()):
        click.echo(f"{bond}: {forecast['message']}")
    for bond, reason in sorted(curve["skipped"].items()):
        click.echo(f"{bond}: no curve, {reason}")
    figure = draw_selections(results / "learning_curve.png", curve)
    if figure is not None:
        click.echo(f"Figure      {figure}")


@click.command()
@dbi_argument
@click.option(
    "--candidates",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="YAML file with a list of settings to choose from.",
)
@click.option("--nested/--no-nested", default=True, show_default=True, help="Also measure what tuning achieves.")
@settings_option
@seed_option
@code_option
@results_option
@with_profile(create=True)
def tune(
    source: str, candidates: Path, nested: bool, settings: dict, seed: int, code: str | None, results: Path
) -> None:
    """Find the best settings of the learning among candidates, by the errors on groups of DBI that are left out.

    DBI is a PK, UUID or label, or files. The error of the best candidate flatters it: it was chosen for these very
    groups. So each group is also predicted with the settings that were chosen without it (--nested; as many times as
    long as there are groups). Candidates may differ in anything but what is tested (r_max, min_bonds, group_by,
    max_folds).

    \b
    Example, with candidates.yaml:
        - {}
        - {selection: stratified, max_bonds: 2000}
        - max_inducing: 2000
        aiida-getl model tune published --candidates candidates.yaml
        aiida-getl model train published --settings results/tuned.yaml
    """
    from aiida.orm import List

    from aiida_getl.calculations.functions.tune import tune as tune_dbi

    choices = read_yaml(candidates, list)
    dbi = find_dbi(source)
    inputs = {"candidates": List(choices), "settings": to_dict({**settings, "nested": nested}), "seed": to_int(seed)}
    with listening():
        found = run_task(tune_dbi, code, dbi=dbi, **inputs)["result"].get_dict()
    tuning = found["tuning"]
    names = sorted(tuning["rmse"][0])
    rows = [
        (number, _words(choices[number - 1]), f"{score:.4f}", *(f"{rmse[name]:.4f}" for name in names))
        for number, (score, rmse) in enumerate(zip(tuning["score"], tuning["rmse"], strict=True), start=1)
    ]
    click.echo("RMSE in eV on groups left out, its geometric mean over the bond types, and of each of them")
    click.echo()
    click.echo(table(("", "candidate", "mean", *names), rows))
    click.echo()
    for name, reason in tuning["skipped"].items():
        click.echo(f"Not tested  {name}: {reason}")
    click.echo(f"Best        {tuning['best'] + 1}: {_words(choices[tuning['best']])}")
    _describe_nested(found)
    path = results / "tuned.yaml"
    results.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(found["best"], sort_keys=True) if found["best"] else "{}\n", encoding="utf-8")
    click.echo(f"Settings    {path}")
    click.echo(f"Next        aiida-getl model train {dbi.pk} --settings {path}")


def _optional(value: float | None) -> str | None:
    return None if value is None else f"{value:.4f}"


def _words(candidate: dict[str, Any]) -> str:
    return ", ".join(f"{name}={value}" for name, value in candidate.items()) or "nothing changed"


def _describe_nested(found: dict[str, Any]) -> None:
    """Print what tuning achieves on groups that took no part in it."""
    if found["nested"] is None:
        click.echo(f"What tuning achieves was not measured: {found['not_nested']}")
        return
    chosen = [choice["best"] for choice in found["nested"]["choices"]]
    counts = ", ".join(f"{k + 1} {chosen.count(k)} times" for k in sorted(set(chosen)))
    click.echo(
        f"\nWhat tuning achieves: settings chosen without each group, in all {len(chosen)} cases; chosen: {counts}"
    )
    click.echo(describe_validation(found["nested"]))
