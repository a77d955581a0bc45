"""Every fenced block of the documents is run; what would take a cluster, minutes or root is listed, and parsed."""

from __future__ import annotations

import ast
import importlib.util
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from aiida import orm

from aiida_getl.cli.plan import check_inputs

ROOT = Path(__file__).parents[2]
PAGES = ["README.md", *sorted(str(path.relative_to(ROOT)) for path in (ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```([^\n`]*)\n(.*?)^```", re.S | re.M)
SHELL, DRAWING = {"bash", "console"}, {"", "text"}

#: Commands that are understood here and run elsewhere: their beginning, and the reason.
ELSEWHERE = {
    "aiida-getl setup": "looks for engines and starts a daemon: tests/setup",
    "aiida-getl run": "a campaign, minutes of DFT: tests/workflows; with --dry-run it is run here",
    "aiida-getl watch": "needs a campaign: tests/workflows",
    "aiida-getl summary": "needs a campaign: tests/workflows",
    "aiida-getl loop": "needs engines and a daemon: tests/cli/test_loop.py",
    "aiida-getl proposal": "needs a loop: tests/cli/test_proposal.py",
    "aiida-getl model log-mlflow": "makes a database of MLflow, ten seconds: tests/cli/test_mlflow.py",
    "verdi restapi": "a server: tests/cli/test_rest.py",
    "aiida-getl -p production": "a profile with services: tests/production/test_howto.py",
    "verdi -p production": "a profile with services: tests/production/test_howto.py",
    "verdi profile setup core.psql_dos": "a profile with services: tests/production/test_howto.py",
    "verdi code create core.code.installed --label getl-learn": "a computer of the user's: tests/production",
    "verdi node graph generate": "needs Graphviz' dot: tests/cli/test_verdi_data.py",
    "aiida-pseudo install family": "the datasets are the user's: tests/quantumespresso",
}
#: Programs that are not started here; the files that they are given have to be there.
NOT_STARTED = {
    "bash": "installs, or runs this very suite",
    "cd": "a folder of the user's",
    "curl": "asks a server: tests/cli/test_rest.py",
    "eval": "completion of the user's shell: test_completion",
    "export": "the user's shell",
    "getl-cohp": "needs wavefunctions: tests/cohp",
    "pip": "asks the network",
    "python": "scripts with services or minutes of work: tests/production, tests/benchmarks",
    "source": "the user's shell",
    "ssh": "another computer",
    "sudo": "root: tests/production",
}
STARTED = {"ase", "cat", "cp"}
#: What stands for the reader's own: text in commands and snippets, by the page (or all pages), and what it is here.
OWN = {
    "": {"PK of a StructureData": "structure"},
    "README.md": {"PK": "dbi"},
    "docs/provenance.md": {"345": "dbi", "123": "label"},
    "docs/predictions.md": {"78": "before", "81": "after"},
    "docs/report.md": {"345": "dbi"},
    "docs/active_learning.md": {"MODEL": "model"},
    "docs/tutorial.md": {"DBI": "dbi", "LABEL": "label", "MODEL": "model", "PREDICTION": "before"},
    "docs/howto_review.md": {"MODEL": "model", "PREDICTION": "before", "STRUCTURE": "structure", "AGAIN": "after"},
}
#: Python that tests of its own run.
PYTHON_ELSEWHERE = {"docs/provenance.md": "tests/provenance/test_docs.py"}
#: Packages that are too large for the tests; their snippets are compiled, and were run by hand where the page says so.
NOT_INSTALLED = {"ovito"}
#: YAML that is written to a file, which the commands after it read.
FILES = {"docs/validation.md": "candidates.yaml"}
#: What a campaign's file names that only its writer has.
POTENTIALS = {"ZrCuAl.lammps.eam": "CuZr_mm.eam.fs", "Zr49Cu49Al2": "Zr50Cu50", "mine/1.0/PBE/PAW": None}


def blocks(page):
    """Return language and text of the fenced blocks of a page, in order."""
    found = BLOCK.findall((ROOT / page).read_text())
    return [(language.strip(), text) for language, text in found if not language.startswith("{")]


def test_every_block_has_a_language_that_is_tested():
    known = SHELL | DRAWING | {"python", "yaml"}
    assert {(page, language) for page in PAGES for language, _ in blocks(page) if language not in known} == set()


def test_exceptions_are_needed():
    """What no page speaks of any more needs no exception."""
    shown = [
        line
        for page in PAGES
        for language, text in blocks(page)
        if language in SHELL
        for line, _ in commands(text, language)
    ]
    beginnings = [" ".join(line.split()) for line in shown]
    unused = {
        start for start in (*ELSEWHERE, *STARTED, *NOT_STARTED) if not any(b.startswith(start) for b in beginnings)
    }
    assert unused == set()


@pytest.fixture
def own(world):
    """The nodes that a page speaks of, by the text that stands for them."""
    nodes = {"before": world.predictions[0], "after": world.predictions[1]}
    nodes |= {name: getattr(world, name) for name in ("dbi", "model", "label", "structure")}
    return lambda page: {text: nodes[name] for text, name in (OWN[""] | OWN.get(page, {})).items()}


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page)])
def test_page(page, world, own, codes, paw_family, call, understood, tmp_path, monkeypatch):
    """Run the blocks of a page one after the other in one folder."""
    shutil.copytree(world.folder, tmp_path / "here", symlinks=True)
    monkeypatch.chdir(tmp_path / "here")
    texts = own(page)
    names = {name: getattr(world, name) for name in ("dbi", "model", "label", "structure")}
    remote = orm.RemoteData(remote_path=str(world.folder), computer=orm.load_computer("cluster")).store()
    names["scf"] = SimpleNamespace(outputs=SimpleNamespace(remote_folder=remote))
    for language, text in blocks(page):
        if language in SHELL:
            for line, shown in commands(text, language):
                words = [str(texts[word].pk) if word in texts else word for word in shlex.split(line, comments=True)]
                if words:
                    output = run_or_parse(line, words, world, call, understood)
                    if output is not None:
                        check_output(shown, output)
        elif language == "python" and any(f"from {package}." in text for package in NOT_INSTALLED):
            compile(text, page, "exec")
        elif language == "python" and page not in PYTHON_ELSEWHERE:
            for word, node in texts.items():
                text = text.replace(f'"{word}"', f'"{node.pk}"')
            run_python(text, page, names)
        elif language == "yaml":
            if page in FILES:
                Path(FILES[page]).write_text(text)
            else:
                check_campaign(text, call)


def commands(text, language):
    """Yield the commands of a block, each with the output that is shown after it."""
    text = text.replace("\\\n", " ")
    if language == "console" and re.search(r"^\$ ", text, re.M):
        for part in re.split(r"^\$ ", text, flags=re.M)[1:]:
            line, _, shown = part.partition("\n")
            yield line, shown
        return
    line = ""
    for part in text.splitlines():
        line += part + "\n"
        if is_whole(line):
            yield line, ""
            line = ""
    assert not line, f"a quotation is not closed: {line}"


def is_whole(line):
    """Whether a command ends here, and not within a quotation."""
    try:
        shlex.split(line, comments=True)
    except ValueError:
        return False
    return True


def run_or_parse(line, words, world, call, understood):
    """Run a command and return its output, or see that it could be run."""
    if words[0] in STARTED:
        return subprocess.run(words, capture_output=True, text=True, check=True).stdout
    if words[0] in NOT_STARTED:
        assert subprocess.run(["bash", "-n", "-c", line], capture_output=True).returncode == 0, line
        check_files(words)
        return None
    command = " ".join(words)
    target = words[words.index(">") + 1] if ">" in words else None
    words = words[: words.index(">")] if target else words
    understood(words)
    if "--help" in words or ("--dry-run" not in words and command.startswith(tuple(ELSEWHERE))) or "--code" in words:
        return None
    if words[1:3] in (["model", "train"], ["model", "tune"]):
        words += world.settings
    output = call(words)
    if target:
        Path(target).write_text(output)
    return output


def check_files(words):
    """See that the modules and files of the repository that a command names are there."""
    if words[:2] == ["python", "-m"]:
        assert importlib.util.find_spec(words[2]), words
    for word in words[1:]:
        if re.match(r"(examples|tests|docs)/", word):
            assert (ROOT / word).exists(), f"{word} is not there"


def check_output(shown, output):
    """See that the headings of the output that a page shows are still those of the command."""
    # What could not be tested or trained depends on the data.
    for heading in re.findall(r"^(?!Not )([A-Z][a-z]+(?: [a-z]+)?)(?=  )", shown, re.M):
        assert re.search(rf"^{heading}\b", output, re.M), f"{heading!r} is shown, and not printed:\n{output}"


class Validate(ast.NodeTransformer):
    """Puts the validation of all inputs in place of a submission."""

    def visit_Call(self, node):
        self.generic_visit(node)
        if isinstance(node.func, ast.Name) and node.func.id == "submit":
            node.func.id = "check_inputs"
        return node


def run_python(text, page, names):
    """Run a snippet; what it submits is checked as a submission checks it, and not started."""
    tree = ast.fix_missing_locations(Validate().visit(ast.parse(text)))
    names["check_inputs"] = check_inputs
    exec(compile(tree, page, "exec"), names)


def check_campaign(text, call):
    """See that a campaign could be started with a file, or with the quickstart's and this part in it."""
    for word, stand_in in POTENTIALS.items():
        text = text.replace(word, stand_in) if stand_in else text
    part = yaml.safe_load(text)
    settings = yaml.safe_load((ROOT / "examples/quickstart.yaml").read_text()) | part
    label = settings.get("overrides", {}).get("label", {})
    if label.get("pseudo_family") in POTENTIALS:
        del label["pseudo_family"]
    Path("campaign.yaml").write_text(yaml.safe_dump(settings))
    output = call(["aiida-getl", "run", "campaign.yaml", "--dry-run"])
    assert "Nothing was started" in output


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page):
    """Sphinx looks at the links of its pages; figures and links to code are looked at here."""
    text = BLOCK.sub("", (ROOT / page).read_text())
    links = [link for link in re.findall(r"\]\(([^)#\s]+)", text) if "://" not in link]
    assert [link for link in links if not ((ROOT / page).parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES)
def test_figures_have_alternative_texts(page):
    texts = re.findall(r"!\[([^\]]*)\]\(", BLOCK.sub("", (ROOT / page).read_text()))
    assert [text for text in texts if len(text) < 8] == []


def test_completion():
    """What the command line's page says about completion gives a script for the shell."""
    environment = {"_AIIDA_GETL_COMPLETE": "bash_source", "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin"}
    run = subprocess.run(["aiida-getl"], env=environment, capture_output=True, text=True)
    assert "complete" in run.stdout
    assert subprocess.run(["bash", "-n", "-c", run.stdout]).returncode == 0
