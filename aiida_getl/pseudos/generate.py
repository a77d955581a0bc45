"""Make the package's own PAW datasets with Quantum ESPRESSO's ld1.x.

The inputs, with their source (pslibrary 1.0.0, Dal Corso 2014), are in the folder ``inputs``. The atomic orbitals of
the datasets are the basis of the published COHP work: Al 3s 3p, Cu 3s 4s 3p 3d, Zr 4s 5s 4p 4d.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from aiida_getl.quantumespresso.upf import read_upf

FAMILY_LABEL = "getl/1.0/PBE/SR/PAW"


@dataclass(frozen=True)
class Dataset:
    """What a generated dataset must turn out to be.

    Attributes
    ----------
    stem
        Name of the input and of the UPF file, without suffix.
    z_valence
        Number of valence electrons, semicore included.
    orbitals
        Atomic orbitals of the file in its order, which projwfc.x projects on.
    """

    stem: str
    z_valence: int
    orbitals: tuple[str, ...]


DATASETS = {
    "Al": Dataset("Al.pbe-n-kjpaw_getl.1.0", 3, ("3s", "3p")),
    "Cu": Dataset("Cu.pbe-spn-kjpaw_getl.1.0", 19, ("3s", "4s", "3p", "3d")),
    "Zr": Dataset("Zr.pbe-spn-kjpaw_getl.1.0", 12, ("4s", "5s", "4p", "4d")),
}
ELEMENTS = tuple(DATASETS)

#: Per element ``cutoff_wfc`` and ``cutoff_rho`` in Ry; docs/pseudopotentials.md has the convergence they rest on.
RECOMMENDED_CUTOFFS: dict[str, dict[str, float]] = json.loads((Path(__file__).parent / "cutoffs.json").read_text())

# pw.x 6.7 cannot read lines of more than 1024 characters, but ld1.x 6.7 writes the 208 multipoles of a PAW dataset with
# six projectors in one line. This many numbers per line are what it writes elsewhere.
NUMBERS_PER_LINE = 4

# ld1.x needs about a second; a wrong executable may wait for ever.
TIMEOUT_S = 120


class GenerationError(RuntimeError):
    """A PAW dataset could not be made, or is not what it should be."""


def generate_family(ld1: str | Path, directory: Path, elements: Sequence[str] = ELEMENTS) -> dict[str, Path]:
    """Make the PAW datasets of some elements.

    The same ld1.x makes byte-identical files on every day: the date of generation is taken out.

    Parameters
    ----------
    ld1
        The ld1.x executable, a path or a name on the PATH.
    directory
        Where the UPF files go; made if absent. Files of the same name are replaced.
    elements
        Chemical symbols, of those in ``ELEMENTS``.

    Returns
    -------
    The UPF file of each element.

    Raises
    ------
    ValueError
        For an element without an input.
    GenerationError
        Where ld1.x is absent or fails, or makes another dataset than intended.
    """
    if unknown := [element for element in elements if element not in DATASETS]:
        raise ValueError(
            f"no PAW generation input for {', '.join(unknown)}: there are inputs for {', '.join(ELEMENTS)}; "
            "for other elements install a PAW family with aiida-pseudo"
        )
    directory.mkdir(parents=True, exist_ok=True)
    family = {}
    for element in elements:
        target = directory / f"{DATASETS[element].stem}.UPF"
        text = make_dataset(ld1, element, Path(__file__).parent / "inputs" / f"{DATASETS[element].stem}.in")
        _check(text, element)
        target.write_text(text)
        family[element] = target
    return family


def make_dataset(ld1: str | Path, element: str, source: Path) -> str:
    """Return the text of the UPF file that ld1.x makes of an input, without its date.

    Parameters
    ----------
    ld1
        The ld1.x executable, a path or a name on the PATH.
    element
        Chemical symbol, for messages.
    source
        The input, which names its file as it is named itself, with the suffix UPF.

    Raises
    ------
    GenerationError
        Where ld1.x is absent or fails.
    """
    with tempfile.TemporaryDirectory(prefix="getl-ld1-") as scratch:
        try:
            run = subprocess.run(
                [ld1],
                input=source.read_text(),
                capture_output=True,
                text=True,
                cwd=scratch,
                env={**os.environ, "OMP_NUM_THREADS": "1"},
                timeout=TIMEOUT_S,
                check=False,
            )
        except OSError as error:
            raise GenerationError(
                f"cannot run {ld1} to make the PAW dataset of {element} ({error.strerror}): install Quantum ESPRESSO "
                "(apt install quantum-espresso, or conda install -c conda-forge qe) and give the path of its ld1.x"
            ) from error
        except subprocess.TimeoutExpired as error:
            raise GenerationError(
                f"{ld1} did not finish the PAW dataset of {element} within {TIMEOUT_S} s, where ld1.x needs a second: "
                "check that it is ld1.x"
            ) from error
        upf = Path(scratch) / f"{source.stem}.UPF"
        if run.returncode != 0 or not upf.is_file():
            raise GenerationError(
                f"{ld1} made no PAW dataset of {element} from {source} (exit status {run.returncode}): "
                f"{_error_lines(run.stdout, run.stderr)}; try another ld1.x, 6.7 is known to work"
            )
        return _without_long_lines(_without_date(upf.read_text()))


def _error_lines(stdout: str, stderr: str) -> str:
    """Return what ld1.x says between its rules of per cent signs, or else the end of what it printed."""
    if blocks := re.findall(r"%{20,}\n(.*?)%{20,}", stdout, flags=re.DOTALL):
        return " ".join(blocks[0].split())
    lines = (stdout + stderr).strip().splitlines()
    return "its last lines were: " + " / ".join(line.strip() for line in lines[-3:]) if lines else "it printed nothing"


def _without_date(text: str) -> str:
    text = re.sub(r"(Generation date:).*", r"\1 not recorded", text, count=1)
    return re.sub(r'(<PP_HEADER[^>]*\bdate=")[^"]*"', r'\1not recorded"', text, count=1)


def _without_long_lines(text: str) -> str:
    """Fold lines of bare numbers; values and order stay the same, and readers do not mind where the lines end."""
    return re.sub(r"^[-+.\dEe ]{101,}$", _fold, text, flags=re.MULTILINE)


def _fold(line: re.Match[str]) -> str:
    numbers = line.group().split()
    return "\n".join(
        " ".join(numbers[start : start + NUMBERS_PER_LINE]) for start in range(0, len(numbers), NUMBERS_PER_LINE)
    )


def _check(text: str, element: str) -> None:
    """Compare a generated dataset with what it should be; another semicore would silently be another bond strength."""
    dataset = DATASETS[element]
    upf = read_upf(text)
    found = (upf.element, upf.kind, upf.z_valence, tuple(shell.label for shell in upf.chi))
    expected = (element, "PAW", dataset.z_valence, dataset.orbitals)
    if found != expected:
        raise GenerationError(
            f"ld1.x made a dataset of {element} with (element, kind, valence electrons, orbitals) = {found} "
            f"in place of {expected}: this version of ld1.x reads the input differently, 6.7 is known to work"
        )
