"""Tab completion: labels of nodes, codes, computers and profiles that a command may be given.

Only the few columns that are shown are asked for, and nodes are told apart by their type's name: to import our classes
of data takes longer than to ask the database.
"""

from __future__ import annotations

import os
import re
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from glob import escape, iglob
from typing import Any

import click
from click.shell_completion import BashComplete, CompletionItem, split_arg_string

Completer = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]

WORK_CHAIN = "process.workflow.workchain.WorkChainNode."
#: Type of node and filters by what an argument is called.
KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "dbi": ("data.getl.dbi.DbiData.", {}),
    "model": ("data.getl.model.BondModelData.", {}),
    "bonds": ("data.getl.bonds.BondStrengthsData.", {}),
    "structure": ("data.core.structure.StructureData.", {}),
    "trajectory": ("data.core.array.trajectory.TrajectoryData.", {}),
    "campaign": (WORK_CHAIN, {"attributes.process_label": "GetlWorkChain"}),
    "loop": (WORK_CHAIN, {"attributes.process_label": "ActiveLearningWorkChain"}),
    "training": (WORK_CHAIN, {"attributes.process_label": "EtlModelWorkChain"}),
}
DATA, PROCESSES = ("model", "dbi", "bonds", "structure", "trajectory"), ("campaign", "loop", "training")
#: Labels, and PKs of nodes without one, that are offered: the latest ones.
MOST_LABELS, MOST_PKS = 500, 20
#: Where bash divides words, beside spaces, quotation marks and the like.
WORD_BREAKS = "@:"


def complete_nodes(*kinds: str, files: bool = False, codes: bool = False) -> Completer:
    """Return the completion of an argument that takes nodes: by label, or by PK where there is none or it is shared.

    :param kinds: of :data:`KINDS`.
    :param files: whether it takes files, too.
    :param codes: whether it takes codes and computers, too.
    """

    def complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        found = []
        if _load_profile(ctx):
            found = [item for kind in kinds for item in _nodes(kind)]
            found += [*_codes(None), *_computers()] if codes else []
        found = _matching(found, incomplete)
        return _with_files(found, incomplete) if files else found

    return complete


def complete_codes(plugin: str | None = None) -> Completer:
    """Return the completion of an option that takes codes, perhaps only those of a plugin."""

    def complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        return _matching(_codes(plugin), incomplete) if _load_profile(ctx) else []

    return complete


def complete_computers(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete the label of a computer."""
    return _matching(_computers(), incomplete) if _load_profile(ctx) else []


def complete_proposals(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete the label of a loop, or the PK of one of its proposals."""
    if not _load_profile(ctx):
        return []
    return _matching([*_nodes("loop"), *_proposals()], incomplete)


def complete_profiles(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete the name of a profile."""
    from aiida.common.exceptions import ConfigurationError
    from aiida.manage.configuration import get_config

    try:
        return _matching([CompletionItem(name) for name in get_config().profile_names], incomplete)
    except ConfigurationError:
        return []


def _load_profile(ctx: click.Context) -> bool:
    """Load the profile of the command line, or AiiDA's default one; return whether it can be asked."""
    from aiida.common.exceptions import AiidaException
    from aiida.manage import get_manager
    from aiida.manage.configuration import load_profile
    from sqlalchemy.exc import SQLAlchemyError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            load_profile(ctx.find_root().params.get("profile"), allow_switch=True)
            get_manager().get_profile_storage()
    except (AiidaException, SQLAlchemyError, OSError):
        # There is none, or its database does not answer: a command would say so, a key that was pressed must not.
        return False
    return True


def _nodes(kind: str) -> list[CompletionItem]:
    """Return the nodes of a kind, the latest first."""
    from aiida import orm

    node_type, filters = KINDS[kind]

    def latest(has_label: bool, limit: int) -> list[list[Any]]:
        query = orm.QueryBuilder().append(
            entity_type=node_type,
            filters=filters | {"label": {"!==" if has_label else "==": ""}},
            project=["id", "label"],
            tag="node",
        )
        return query.order_by({"node": {"id": "desc"}}).limit(limit).all()

    labelled = latest(True, MOST_LABELS)
    shared = {label for label, number in Counter(label for _, label in labelled).items() if number > 1}
    rows = [(pk, label) for pk, label in labelled if label in shared] + latest(False, MOST_PKS)
    return [CompletionItem(label, help=kind) for _, label in labelled if label not in shared] + [
        CompletionItem(str(pk), help=f"{kind} {label}".strip()) for pk, label in rows
    ]


def _proposals() -> list[CompletionItem]:
    from aiida import orm

    query = orm.QueryBuilder().append(
        orm.CalcFunctionNode, filters={"attributes.process_label": {"in": ["propose", "propose_start"]}}, tag="propose"
    )
    query.append(orm.Dict, with_incoming="propose", project="id", tag="proposal")
    query.order_by({"proposal": {"id": "desc"}}).limit(MOST_PKS)
    return [CompletionItem(str(pk), help="proposal") for pk in query.all(flat=True)]


def _codes(plugin: str | None) -> list[CompletionItem]:
    from aiida import orm

    query = orm.QueryBuilder().append(orm.Computer, project="label", tag="computer")
    columns = ["label", "attributes.input_plugin", "extras.hidden"]
    query.append(orm.InstalledCode, with_computer="computer", project=columns)
    return [
        CompletionItem(f"{label}@{computer}", help="code")
        for computer, label, own, is_hidden in query.iterall()
        if not is_hidden and plugin in (None, own)
    ]


def _computers() -> list[CompletionItem]:
    from aiida import orm

    query = orm.QueryBuilder().append(orm.Computer, project="label")
    return [CompletionItem(label, help="computer") for label in query.all(flat=True)]


def _matching(items: Iterable[CompletionItem], incomplete: str) -> list[CompletionItem]:
    """Return those items that begin as told, each once."""
    return list({item.value: item for item in items if item.value.startswith(incomplete)}.values())


def _with_files(items: Sequence[CompletionItem], incomplete: str) -> list[CompletionItem]:
    """Return items and files; where there are only files the shell finds them itself, and goes on into folders."""
    paths = [f"{path}/" if os.path.isdir(path) else path for path in iglob(f"{escape(incomplete)}*")]
    if not items:
        return [CompletionItem(incomplete, type="file")]
    return [*items, *(CompletionItem(path) for path in sorted(paths))]


class BashWords(BashComplete):
    """Completion for bash of labels with spaces and the like, and of words that bash takes for several (``a@b``)."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.is_quoted = False
        self.done = ""  # what bash takes for earlier words, and does not expect again

    def get_completion_args(self) -> tuple[list[str], str]:
        """Return the finished words, and the one to be completed."""
        position = int(os.environ["COMP_CWORD"])
        parts = (os.environ["COMP_WORDS"].split("\n") + [""] * position)[: position + 1]
        words: list[str] = []
        for before, part in zip(["", *parts], parts, strict=False):
            if words and (_is_break(part) or _is_break(before)):
                words[-1] += part
            else:
                words.append(part)
        self.is_quoted = words[-1].startswith(("'", '"'))
        if words[-1] != parts[-1]:
            self.done = re.sub(f"[^{WORD_BREAKS}]*$", "", words[-1])
        *finished, incomplete = ((split_arg_string(word) or [""])[0] for word in words)
        return finished[1:], incomplete

    def format_completion(self, item: CompletionItem) -> str:
        """Return a completion as the script of click for bash reads it, which takes one level of backslashes away."""
        value = item.value.removeprefix(self.done)
        if item.type == "plain" and not self.is_quoted:
            value = re.sub(r"([^\w@%+=:,./~-])", r"\\\1", value)
        return f"{item.type},{value}".replace("\\", "\\\\")


def _is_break(word: str) -> bool:
    return bool(word) and set(word) <= set(WORD_BREAKS)
