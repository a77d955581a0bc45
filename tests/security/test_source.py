"""What the package must not contain: ways to run what it reads."""

import ast
from pathlib import Path

import pytest

import aiida_getl

PACKAGE = Path(aiida_getl.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))
#: It has a reader of its own for pickled arrays, which runs nothing (tests/exchange/test_unpickle.py).
READS_PICKLES = PACKAGE / "exchange" / "unpickle.py"

#: Modules that load code with data, or programs with texts.
MODULES = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal", "code", "pty"}
CALLS = {"eval", "exec", "compile", "__import__"}
#: (object, attribute)
ATTRIBUTES = {
    ("os", "system"),
    ("os", "popen"),
    ("subprocess", "getoutput"),
    ("subprocess", "getstatusoutput"),
    ("yaml", "load"),
    ("yaml", "unsafe_load"),
    ("yaml", "full_load"),
    ("tempfile", "mktemp"),
    # Both write where the archive says.
    ("shutil", "unpack_archive"),
    ("tarfile", "open"),
}


def find_faults(tree: ast.AST) -> list[str]:
    """Return what a module has that it must not have."""
    faults = []
    for node in ast.walk(tree):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
            faults += [name for name in modules if name.split(".")[0] in MODULES]
        if not isinstance(node, ast.Call):
            continue
        called = node.func
        if isinstance(called, ast.Name) and called.id in CALLS:
            faults.append(called.id)
        if isinstance(called, ast.Attribute):
            if isinstance(called.value, ast.Name) and (called.value.id, called.attr) in ATTRIBUTES:
                faults.append(f"{called.value.id}.{called.attr}")
            if called.attr in ("extract", "extractall"):
                faults.append(called.attr)
        keywords = {keyword.arg: keyword.value for keyword in node.keywords}
        for name in ("shell", "allow_pickle"):
            if name in keywords and not (isinstance(keywords[name], ast.Constant) and keywords[name].value is False):
                faults.append(f"{name}=...")
        if isinstance(called, ast.Attribute) and called.attr == "load" and ast.unparse(called.value) in ("np", "numpy"):
            faults += [] if "allow_pickle" in keywords else ["np.load without allow_pickle=False"]
    return faults


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_nothing_that_is_read_can_run(path):
    expected = ["pickle"] if path == READS_PICKLES else []
    assert find_faults(ast.parse(path.read_text())) == expected


@pytest.mark.parametrize(
    "code",
    [
        "import pickle",
        "from joblib import load",
        "eval(text)",
        "np.load(path)",
        "np.load(path, allow_pickle=True)",
        "subprocess.run(command, shell=True)",
        "subprocess.run(command, shell=flag)",
        "os.system(text)",
        "yaml.load(text)",
        "archive.extractall(folder)",
    ],
)
def test_the_search_finds(code):
    assert len(find_faults(ast.parse(code))) == 1


def test_yaml_that_asks_for_an_object_is_refused(tmp_path):
    from click.testing import CliRunner

    from aiida_getl.cli import main

    witness = tmp_path / "witness"
    config = tmp_path / "campaign.yaml"
    config.write_text(f"composition: !!python/object/apply:os.mkdir ['{witness}']\n")
    result = CliRunner().invoke(main, ["run", str(config)])
    assert result.exit_code == 1
    assert "is not YAML" in result.output
    assert not witness.exists()
