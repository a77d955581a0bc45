"""What a browser makes of the charts, tables and chains."""

import csv
import io
import json

import pytest

#: Of every panel of a chart, the number of marks that are drawn of each layer.
MARKS = """name => [...document.querySelectorAll(`#chart-${name} svg.panel`)].map(svg => ({
  points: [...svg.querySelectorAll('path.points')]
    .reduce((n, path) => n + path.getAttribute('d').split('M').length - 1, 0),
  circles: svg.querySelectorAll('circle.mark').length,
  bars: svg.querySelectorAll('rect.bar.mark').length,
  bins: [...svg.querySelectorAll('path.steps')].reduce((n, path) => n + +path.dataset.bins, 0),
  lines: svg.querySelectorAll('path.line').length,
  bands: svg.querySelectorAll('path.band').length,
}))"""


def test_nothing_goes_wrong_and_nothing_is_asked_for(visit, report_file):
    there = visit()
    there.page.locator("#view[data-state=still]").wait_for()
    assert there.seen.complaints == []
    assert there.seen.requests == [report_file.as_uri()]


def test_every_number_is_drawn(visit):
    page = visit().page
    charts = json.loads(page.locator("#charts").text_content())["charts"]
    assert len(charts) > 15
    for chart in charts:
        drawn = page.evaluate(MARKS, chart["name"])
        assert len(drawn) == len(chart["panels"]), chart["name"]
        for panel, marks in zip(chart["panels"], drawn, strict=True):
            layers = panel["layers"]

            def count(*kinds, layers=layers):
                return [layer for layer in layers if layer["kind"] in kinds]

            short = [layer for layer in count("line") if len(layer["x"]) <= 40]
            plain = [layer for layer in count("points") if "value" not in layer] + short
            assert marks["points"] == sum(len(layer["x"]) for layer in plain), (chart["name"], panel.get("title"))
            assert marks["circles"] == sum(len(layer["x"]) for layer in count("points") if "value" in layer)
            assert marks["bars"] == sum(len(layer["x"]) for layer in count("bars", "ranges"))
            assert marks["bins"] == sum(len(layer["x"]) for layer in count("steps"))
            assert (marks["lines"], marks["bands"]) == (len(count("line")), len(count("band")))


def test_marks_lie_where_their_values_are(visit):
    """The longest bar is that of the type with the most bonds, and twice as long for twice as many."""
    page = visit().page
    charts = {chart["name"]: chart for chart in json.loads(page.locator("#charts").text_content())["charts"]}
    values = charts["bonds-per-type"]["panels"][0]["layers"][0]["x"]
    widths = [float(bar.get_attribute("width")) for bar in page.locator("#chart-bonds-per-type rect.bar").all()]
    assert [width / widths[0] for width in widths] == pytest.approx([value / values[0] for value in values], abs=0.01)


def test_hover_tells_the_values(visit):
    page = visit().page
    bar = page.locator("#chart-bonds-per-type rect.bar").first
    bar.scroll_into_view_if_needed()
    bar.hover()
    tip = page.locator("#tip")
    assert tip.is_visible()
    charts = {chart["name"]: chart for chart in json.loads(page.locator("#charts").text_content())["charts"]}
    panel = charts["bonds-per-type"]["panels"][0]
    assert panel["y"]["categories"][0] in tip.text_content()
    assert str(int(panel["layers"][0]["x"][0])) in tip.text_content()
    page.mouse.move(2, 2)
    assert tip.is_hidden()


def test_the_keyboard_tells_them_too(visit):
    page = visit().page
    panel = page.locator("#chart-rounds svg.panel")
    panel.focus()
    told = []
    for _ in range(4):
        page.keyboard.press("ArrowRight")
        told.append(page.locator("#tip").text_content())
    assert len(set(told)) == 4
    assert all("RMSE (eV)" in text for text in told)
    page.keyboard.press("Escape")
    assert page.locator("#tip").is_hidden()


def test_the_numbers_come_as_csv(visit, make_labels):
    page = visit(accept_downloads=True).page
    with page.expect_download() as waiting:
        page.locator("#chart-strength-against-distance button").click()
    download = waiting.value
    assert download.suggested_filename == "strength-against-distance.csv"
    with open(download.path(), encoding="utf-8-sig") as file:
        rows = [row for row in csv.DictReader(io.StringIO(file.read())) if row["kind"] == "points"]
    labels = make_labels()
    assert len(rows) == len(labels.types)
    assert sorted(float(row["−ICOHP (eV)"]) for row in rows) == pytest.approx(sorted(labels.strength), rel=1e-4)


def test_tables_come_as_csv(visit, hostile):
    page = visit(accept_downloads=True).page
    with page.expect_download() as waiting:
        page.locator("button[data-table=left-out]").click()
    with open(waiting.value.path(), encoding="utf-8-sig") as file:
        rows = list(csv.reader(file))
    assert rows == [["run", "sub-run", "bonds", "reason"], ["r", "x", "all", hostile]]


def test_a_bond_leads_to_its_computers(visit):
    page = visit().page
    shown = page.locator(".chain:not([hidden])")
    assert shown.count() == 1
    assert shown.locator("h3").text_content().startswith("Zr-Cu 2.70 Å")
    assert "cluster" in shown.text_content()
    assert shown.locator(".card").count() == 1
    page.locator("#chain-choice").select_option(index=1)
    assert shown.locator("h3").text_content().startswith("Zr-Cu 2.71 Å")
    assert shown.locator(".card .what").all_text_contents() == ["LAMMPS × 3", "pw.x"]
    page.locator("#chain-next").focus()
    page.keyboard.press("Enter")
    assert shown.locator("h3").text_content().startswith("Zr-Cu 2.72 Å")
    page.locator("#chain-next").click()
    assert shown.locator("h3").text_content().startswith("Zr-Cu 2.70 Å")


def test_hostile_texts_do_nothing(visit, hostile):
    there = visit()
    page = there.page
    assert page.evaluate("window.hacked") is None
    assert page.locator("h1").text_content() == f"CuZr {hostile}"
    page.locator("#chain-choice").select_option(index=2)
    page.locator("#chart-atom-map circle.mark").first.hover()
    assert page.evaluate("window.hacked") is None
    assert there.seen.complaints == []


def test_without_scripts_the_tables_remain(visit):
    page = visit(java_script_enabled=False).page
    assert page.locator("noscript").count() == 1
    assert "need JavaScript" in page.locator(".warning").text_content()
    assert page.locator("#errors").is_visible()
    assert page.locator("#chart-parity .alt").is_visible()
    assert page.locator(".chain").nth(2).is_visible()
