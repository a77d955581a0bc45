"""The file itself: whole, closed to the network, and deaf to hostile texts."""

import base64
import hashlib
import itertools
import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from aiida_getl.report.page import render


class Reader(HTMLParser):
    """Collects the elements of a page, and the texts of its scripts."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.scripts, self.inside = [], [], False
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        self.inside = tag == "script"
        if self.inside:
            self.scripts.append((dict(attrs), ""))

    def handle_endtag(self, tag):
        self.inside = False

    def handle_data(self, data):
        if self.inside:
            attributes, text = self.scripts[-1]
            self.scripts[-1] = (attributes, text + data)

    def of(self, *tags):
        return [(tag, attributes) for tag, attributes in self.elements if tag in tags]


@pytest.fixture(scope="module")
def page(make_report):
    return render(make_report())


@pytest.fixture(scope="module")
def read(page):
    return Reader(page)


def test_asks_nothing_of_the_network(page, read):
    for _, attributes in read.elements:
        assert "src" not in attributes
        assert attributes.get("href", "#").startswith("#")
    assert not re.search(r"url\((?!#)|@import|\bfetch\(|XMLHttpRequest|WebSocket|import\(", page)
    (policy,) = [a["content"] for _, a in read.of("meta") if a.get("http-equiv") == "Content-Security-Policy"]
    assert policy.startswith("default-src 'none'")
    assert "script-src 'sha256-" in policy
    assert "unsafe-inline'; script" in policy  # for styles, not for scripts
    assert "http" not in policy


def test_the_policy_knows_the_scripts_and_no_other(read):
    (policy,) = [a["content"] for _, a in read.of("meta") if a.get("http-equiv") == "Content-Security-Policy"]
    known = set(re.findall(r"'(sha256-[^']+)'", policy))
    programs = [text for attributes, text in read.scripts if attributes.get("type") != "application/json"]
    found = {"sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in programs}
    assert found == known
    assert len(found) == 3


def test_hostile_texts_are_only_texts(page, read, hostile):
    # Two blocks of data and three programs: no other script, and no image.
    assert len(read.scripts) == 5
    assert not read.of("img")
    assert all(not name.startswith("on") for _, attributes in read.elements for name in attributes)
    assert hostile not in page
    assert page.count("&lt;/script&gt;&lt;script&gt;window.hacked=1") > 8


def test_the_data_are_json(read):
    data = {attributes["id"]: json.loads(text) for attributes, text in read.scripts if "type" in attributes}
    assert set(data) == {"charts", "scene"}
    names = [chart["name"] for chart in data["charts"]["charts"]]
    assert len(set(names)) == len(names)
    identifiers = [attributes["id"] for _, attributes in read.elements if "id" in attributes]
    assert len(set(identifiers)) == len(identifiers)
    assert {f"chart-{name}" for name in names} <= set(identifiers)


def test_headings_are_in_order(read):
    levels = [int(tag[1]) for tag, _ in read.of("h1", "h2", "h3", "h4")]
    assert levels.count(1) == 1
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))


def test_nothing_private(page):
    assert "/home/marie" not in page
    assert "lab.example" not in page
    assert "~/bin/pw.x" in page


def test_only_what_there_is(make_report):
    bare = dict.fromkeys(("labels", "model", "bonding", "cost"))
    text = render(make_report(**bare, chains=(), rounds=(), decisions=()))
    assert 'id="reproduce"' in text
    for name in ("data", "model", "bonds", "provenance", "cost", "loop"):
        assert f'<section id="{name}"' not in text


def test_labels_of_no_bond_and_numbers_that_are_none(make_report, make_labels, make_bonding):
    labels = make_labels()
    empty = replace(labels, types=labels.types[:0], distance=labels.distance[:0], strength=labels.strength[:0])
    bonding = make_bonding()
    bonding = replace(bonding, std=np.where(np.arange(len(bonding.strength)) % 2, bonding.std, np.nan))
    data = Reader(render(make_report(labels=empty, bonding=bonding))).scripts
    for attributes, text in data:
        if "type" in attributes:
            json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))


def test_without_a_structure_there_is_no_view(make_report, make_bonding):
    text = render(make_report(bonding=replace(make_bonding(), positions=None, cell=None)))
    assert "There is no map and no view in three dimensions: the structure is not in this profile" in text
    assert 'id="view"' not in text
    assert 'id="chart-strengths"' in text


def test_an_honest_word_on_leaky_errors(make_report, make_labels, make_model):
    model = make_model(make_labels())
    assert "these errors are too small" in render(make_report(model=replace(model, group_by="random")))
    assert "how good it is, is not known" in render(make_report(model=replace(model, metrics={}, parity={})))


def test_a_bond_type_has_one_colour_on_a_page(make_report):
    """Also where sections know different types."""
    page = Reader(render(make_report()))
    (text,) = [text for attributes, text in page.scripts if attributes.get("id") == "charts"]
    colours = {}
    for chart in json.loads(text)["charts"]:
        for panel in chart["panels"]:
            for layer in panel["layers"]:
                if panel.get("title") in ("Cu-Cu", "Zr-Cu") and layer["kind"] in ("points", "steps"):
                    colours.setdefault(panel["title"], set()).add(layer["colour"])
    assert len(colours) == 2
    assert all(len(own) == 1 for own in colours.values())
    assert colours["Cu-Cu"] != colours["Zr-Cu"]
