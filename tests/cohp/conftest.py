"""A synthetic calculation in the files of Quantum ESPRESSO."""

import numpy as np
import pytest

UPF = """\
<UPF version="2.0.1">
<PP_HEADER element="{element}" is_paw="T" functional="PBE" z_valence="{z}" number_of_wfc="2"/>
<PP_CHI.1 label="2S" l="0" occupation="2.0" n="1"> 1.0 </PP_CHI.1>
<PP_CHI.2 label="2P" l="1" occupation="{p}" n="2"> 1.0 </PP_CHI.2>
</UPF>
"""


def list_directed(value):
    """Write a number as ``WRITE(unit, *)`` of gfortran does: a plain one where it fits, else with three digits."""
    if value == 0 or 0.1 <= abs(value) < 1:
        return f"{value:.17f}".replace("0.", ".", 1).rjust(20).replace(" .", "0.").replace("-.", "-0.") + "     "
    mantissa, exponent = f"{value:.16E}".split("E")
    return f"{mantissa:>21s}E{int(exponent):+04d}"


#: How versions of QE write the numbers of atomic_proj.xml: name -> format and numbers in a line.
STYLES = {
    "plain": ("{:.16E}".format, 3),
    "list-directed (6.7)": (list_directed, 2),
    "1p3es24.15 (7.x)": ("{:24.15E}".format, 3),
}


def numbers(values, style="plain"):
    """Write numbers as Fortran does."""
    write, per_line = STYLES[style]
    flat = [write(value) for value in np.ravel(values)]
    return "\n".join(" ".join(flat[n : n + per_line]) for n in range(0, len(flat), per_line))


def interleaved(matrix):
    """Complex numbers as pairs."""
    return np.ascontiguousarray(matrix).view(float)


@pytest.fixture
def make_save():
    """Return a function that writes a .save folder of random bands: an A2 molecule in a cell, three k-points.

    One species of element C (2s 2p) and one of element H (2s, an empty 2p): 8 projected functions.
    """

    def make(
        folder, n_spins=1, n_bands=9, spin_major=False, overlaps=True, seed=0, core=(), style="plain", level=False
    ):
        """At the k-points ``core`` the lowest band is the 2s function of the first atom, deep and occupied.

        With ``level`` the fifth and sixth band are degenerate.
        """
        rng = np.random.default_rng(seed)
        folder.mkdir(parents=True)
        (folder / "C.UPF").write_text(UPF.format(element="C", z="4.0", p="2.0"))
        (folder / "H.UPF").write_text(UPF.format(element="H", z="1.0", p="0.0"))
        points = np.array([[0.0, 0.0, 0.0], [0.25, 0.0, 0.0], [0.5, 0.0, 0.0]])
        weights = np.array([0.25, 0.5, 0.25])
        energies = np.sort(rng.normal(size=(n_spins, 3, n_bands)))
        if level:
            energies[..., 5] = energies[..., 4]
        occupations = (energies < 0).astype(float)
        states = rng.normal(size=(n_spins, 3, 9, 9)) + 1j * rng.normal(size=(n_spins, 3, 9, 9))
        x = np.linalg.qr(states)[0][..., :8, :n_bands]
        x[:, :, 0] *= 0.1
        for k in core:
            energies[:, k, 0], occupations[:, k, 0] = -50, 1
            x[:, k, :, 0] = np.eye(8)[0]
        a = np.eye(8) + 0.1 * (rng.normal(size=(n_spins, 3, 8, 8)) + 1j * rng.normal(size=(n_spins, 3, 8, 8)))
        overlap = np.swapaxes(a.conj(), -1, -2) @ a
        orders = [(s, k) for s in range(n_spins) for k in range(3)]
        if not spin_major:
            orders.sort(key=lambda order: order[1])
        header = {
            "NUMBER_OF_BANDS": n_bands,
            "NUMBER_OF_K-POINTS": 3,
            "NUMBER_OF_SPIN_COMPONENTS": n_spins,
            "NUMBER_OF_ATOMIC_WFC": 8,
        }
        lines = [
            "<PROJECTIONS>",
            "<HEADER " + " ".join(f'{k}="{v}"' for k, v in header.items()) + "/>",
            "<EIGENSTATES>",
        ]
        for s, k in orders:
            lines += [f'<K-POINT Weight="{2 * weights[k]}">', numbers(points[k], style), "</K-POINT>"]
            lines += ["<E>", numbers(energies[s, k] * 2, style), "</E>", "<PROJS>"]
            for n in range(8):
                lines += [f'<ATOMIC_WFC index="{n + 1}" spin="{s + 1}">', numbers(interleaved(x[s, k, n]), style)]
                lines.append("</ATOMIC_WFC>")
            lines.append("</PROJS>")
        lines.append("</EIGENSTATES>")
        if overlaps:
            lines.append("<OVERLAPS>")
            for k, s in np.ndindex(3, n_spins):
                # Column by column, as Fortran writes a matrix.
                lines += [f'<OVPS dim="8" spin="{s + 1}">', numbers(interleaved(overlap[s, k].T), style), "</OVPS>"]
            lines.append("</OVERLAPS>")
        (folder / "atomic_proj.xml").write_text("\n".join([*lines, "</PROJECTIONS>"]) + "\n")
        blocks = "".join(
            f'<ks_energies><k_point weight="{weights[k] * 2 / n_spins}">{numbers(points[k])}</k_point>'
            f"<eigenvalues>{numbers(energies[:, k])}</eigenvalues>"
            f"<occupations>{numbers(occupations[:, k])}</occupations></ks_energies>\n"
            for k in range(3)
        )
        n_electrons = 2 / n_spins * np.einsum("k,skn->", weights, occupations)
        (folder / "data-file-schema.xml").write_text(
            f"""<?xml version="1.0"?>
<qes:espresso xmlns:qes="http://www.quantum-espresso.org/ns/qes/qes-1.0">
<general_info><creator NAME="PWSCF" VERSION="7.5">made up</creator></general_info>
<input><bands><tot_charge>{5 - n_electrons}</tot_charge></bands></input>
<output>
<atomic_species ntyp="2"><species name="C1"><pseudo_file>C.UPF</pseudo_file></species>
<species name="H"><pseudo_file>H.UPF</pseudo_file></species></atomic_species>
<atomic_structure nat="2" alat="8.0"><atomic_positions>
<atom name="C1" index="1">0.0 0.0 0.0</atom><atom name="H" index="2">-2.0 0.0 0.0</atom>
</atomic_positions><cell><a1>8.0 0.0 0.0</a1><a2>0.0 12.0 0.0</a2><a3>0.0 0.0 12.0</a3></cell></atomic_structure>
<band_structure><lsda>{str(n_spins == 2).lower()}</lsda><noncolin>false</noncolin><nelec>{n_electrons}</nelec>
<fermi_energy>0.0</fermi_energy>
{blocks}</band_structure>
</output>
</qes:espresso>
"""
        )
        return {"energies": energies, "x": x, "overlap": overlap, "occupations": occupations, "electrons": n_electrons}

    return make
