"""Names of runs and sub-runs, as the provenance graph can carry them."""

import re
import unicodedata

import pytest

from aiida_getl.exchange.sources import identifier


@pytest.mark.parametrize(
    ("text", "name"), [("glass 1", "glass_1"), ("Zr49-Cu49.Al2", "Zr49_Cu49_Al2"), ("21", "n21"), ("a__b_", "a_b")]
)
def test_plain_names(text, name):
    assert identifier(text) == name == identifier(name)


def test_names_in_other_scripts_stay_apart():
    texts = ["стекло", "стекла", "玻璃", "glass α", "glass β", "glass", "verre recuit", "verre écroui", "verre ecroui"]
    names = [identifier(text) for text in texts]
    assert len(set(names)) == len(texts)
    assert all(re.fullmatch(r"[A-Za-z][A-Za-z0-9]*(_[A-Za-z0-9]+)*", name) for name in names)
    assert [identifier(name) for name in names] == names
    assert names[3].startswith("glass_")


def test_one_name_however_its_accents_are_encoded():
    assert identifier(unicodedata.normalize("NFD", "écroui")) == identifier(unicodedata.normalize("NFC", "écroui"))


@pytest.mark.parametrize("text", ["", "???", "_"])
def test_no_name(text):
    with pytest.raises(ValueError, match="no letter or digit to make a name of: rename it"):
        identifier(text)
