"""``aiida-getl setup``: make everything ready, or say what is not."""

from __future__ import annotations

import click


@click.command()
@click.option("--check", is_flag=True, help="Change nothing: say what works, what does not, and how to mend it.")
@click.pass_context
def setup(ctx: click.Context, check: bool) -> None:
    """Find the engines and make the profile, computer, codes and pseudopotentials that use them.

    May be repeated at any time, such as after an engine was installed or moved: what is in order stays as it is.
    The profile is made where AIIDA_PATH says (`source examples/activate.sh` sets it to the clone). With --check the
    exit status is 1 if something needed does not work.

    \b
    Example:
        aiida-getl setup
        aiida-getl setup --check
    """
    from aiida_getl.cli.profile import let_daemon_find_this_environment
    from aiida_getl.setup.profile import PROFILE_NAME

    let_daemon_find_this_environment()
    name = ctx.obj.profile_name or PROFILE_NAME
    if check:
        _check(ctx, name)
    else:
        _setup(name)


def _setup(profile_name: str) -> None:
    from aiida.common.exceptions import ConfigurationError
    from aiida.engine.daemon.client import DaemonException

    from aiida_getl.pseudos.generate import GenerationError
    from aiida_getl.setup.engines import EngineError
    from aiida_getl.setup.everything import set_up_everything

    try:
        for step in set_up_everything(profile_name):
            click.echo(f"  {step.name:<17} {step.result}")
    except (EngineError, GenerationError, ConfigurationError, DaemonException) as error:
        raise click.ClickException(str(error)) from error
    click.echo("Ready. `aiida-getl setup --check` examines all this again.")


def _check(ctx: click.Context, profile_name: str) -> None:
    from aiida_getl.setup.doctor import examine

    examined = broken = 0
    for check in examine(profile_name):
        mark, colour = ("ok", "green") if check.ok else ("BROKEN", "red") if check.required else ("absent", "yellow")
        click.echo(f"{click.style(f'{mark:<6}', fg=colour)}  {check.name:<17} {check.detail}")
        if not check.ok:
            click.echo(f"{'':<8}{'':<17} -> {check.remedy}")
        examined += 1
        broken += check.required and not check.ok
    if broken:
        click.echo(f"{broken} of {examined} checks failed; the arrows say how to mend it.")
        ctx.exit(1)
    click.echo("Everything needed works.")
