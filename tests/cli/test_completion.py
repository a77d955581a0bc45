"""Tab completion: what is offered where, in a real bash and by click's protocol."""

import os
import shlex
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from uuid import uuid4

import pytest
from aiida import orm

from aiida_getl.cli import main
from aiida_getl.cli.completion import KINDS, BashWords
from aiida_getl.data.bonds import BondStrengthsData
from aiida_getl.data.dbi import DbiData
from aiida_getl.data.model import BondModelData


@pytest.fixture
def named(aiida_profile, loop, engine_code):
    """Nodes with labels, among them one with a space and one that two nodes share; they begin with ``tag``."""
    tag = f"t{uuid4().hex[:8]}"

    def model(label):
        node = BondModelData(label=label)
        node.base.attributes.set("bond_types", ["Cu-Cu"])
        return node.store()

    structure = orm.StructureData(cell=[[3, 0, 0], [0, 3, 0], [0, 0, 3]], label=f"{tag} glass")
    waiting, proposal = loop
    waiting.label = f"{tag} loop"
    return SimpleNamespace(
        tag=tag,
        model=model(f"{tag} model"),
        twins=[model(f"{tag}twins"), model(f"{tag}twins")],
        structure=structure.store(),
        loop=waiting,
        proposal=proposal,
        learn=engine_code("getl-learn"),
        cohp=engine_code("getl-cohp"),
    )


@pytest.fixture
def offered(aiida_profile, monkeypatch):
    """Return a function that gives what bash is told for a line with the cursor at its end."""

    def complete(*words):
        words = ("aiida-getl", "-p", aiida_profile.name, *words)
        monkeypatch.setenv("COMP_WORDS", "\n".join(words))
        monkeypatch.setenv("COMP_CWORD", str(len(words) - 1))
        lines = BashWords(main, {}, "aiida-getl", "_AIIDA_GETL_COMPLETE").complete().splitlines()
        return [line.partition(",")[2] for line in lines]

    return complete


def test_types_are_those_of_the_classes():
    classes = {"dbi": DbiData, "model": BondModelData, "bonds": BondStrengthsData, "structure": orm.StructureData}
    classes |= {"trajectory": orm.TrajectoryData, "loop": orm.WorkChainNode}
    assert {kind: cls.class_node_type for kind, cls in classes.items()} == {kind: KINDS[kind][0] for kind in classes}


def test_nodes_of_the_right_kind(named, offered):
    # The script of bash takes one level of backslashes away.
    assert offered("model", "show", named.tag) == [rf"{named.tag}\\ model"]
    assert offered("predict", "x", named.tag) == [rf"{named.tag}\\ glass"]
    assert offered("loop", "status", named.tag) == [rf"{named.tag}\\ loop"]
    assert offered("model", "show", "nothing of the kind") == []
    # A label that does not tell which node is meant is no answer, nor is the lack of one.
    assert {str(node.pk) for node in named.twins} <= set(offered("model", "show", ""))
    assert str(named.proposal.pk) in offered("proposal", "show", "")


def test_codes_and_computers(named, offered):
    assert offered("model", "tune", "x", "--code", "") == [named.learn.full_label]
    assert {named.learn.full_label, named.cohp.full_label} <= set(offered("query", "models", "--code", "getl"))
    computer = named.learn.computer.label
    assert computer in offered("query", "models", "--computer", "")
    assert computer in offered("query", "uses", "")


def test_words_that_bash_divides(named, offered):
    """Bash takes the signs @ and : for words of their own, and puts what it is told after the last of them."""
    label, _, computer = named.learn.full_label.partition("@")
    assert offered("model", "tune", "x", "--code", label, "@", computer[:2]) == [computer]
    assert offered("model", "tune", "x", "--code", label, "@") == [computer]
    assert offered("model", "tune", "x", "--code", f"{label}@{computer[:2]}") == [named.learn.full_label]
    assert offered("model", "show", rf"{named.tag}\ mo") == [rf"{named.tag}\\ model"]
    assert offered("model", "show", f'"{named.tag} mo') == [f"{named.tag} model"]


def test_files_where_files_are_taken(named, offered, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / f"{named.tag}es").mkdir()
    (tmp_path / f"{named.tag}.xyz").touch()
    assert offered("predict", "x", named.tag) == [
        rf"{named.tag}\\ glass",
        f"{named.tag}.xyz",
        f"{named.tag}es/",
    ]
    assert offered("predict", "x", f"{named.tag}.") == [f"{named.tag}."]  # of the type file: bash finds it itself
    assert f"{named.tag}.xyz" not in offered("model", "show", named.tag)


def test_profiles(aiida_profile, offered):
    assert aiida_profile.name in offered("-p", "")
    assert offered("model", "train", "x", "--protocol", "s") == ["stringent"]


def run_bash(lines, **environment):
    folder = Path(sys.executable).parent
    script = [f'eval "$(_AIIDA_GETL_COMPLETE=bash_source {folder}/aiida-getl)"', "compopt() { :; }", *lines]
    done = subprocess.run(
        ["bash", "--norc", "-c", "\n".join(script)],
        env={**os.environ, "PATH": f"{folder}:{os.environ['PATH']}", **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines(), done.stderr


def press_tab(*words):
    """Return the lines of a script that print what bash would insert, as it would have to be typed."""
    line = " ".join(map(shlex.quote, words))
    return [
        f"COMP_WORDS=({line}); COMP_CWORD={len(words) - 1}; COMPREPLY=()",
        f"_aiida_getl_completion {Path(sys.executable).parent}/aiida-getl",
        "printf '%s\\n' \"${COMPREPLY[@]}\"",
    ]


def test_in_bash(named, aiida_profile):
    found, errors = run_bash(press_tab("aiida-getl", "-p", aiida_profile.name, "model", "show", named.tag))
    assert found == [rf"{named.tag}\ model"]
    assert errors == ""


def test_without_a_profile(tmp_path):
    found, errors = run_bash(press_tab("aiida-getl", "model", "show", ""), AIIDA_PATH=str(tmp_path))
    assert (found, errors) == ([""], "")


def test_with_a_broken_configuration(tmp_path):
    (tmp_path / ".aiida").mkdir()
    (tmp_path / ".aiida" / "config.json").write_text("{")
    found, errors = run_bash(press_tab("aiida-getl", "model", "show", ""), AIIDA_PATH=str(tmp_path))
    assert (found, errors) == ([""], "")
