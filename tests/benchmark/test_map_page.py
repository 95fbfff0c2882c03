"""The page of stability maps in headless Chromium: search, sorting, small screens."""

from pathlib import Path

import browser
import pytest
import synthetic_maps
import synthetic_rows as synthetic

from gan_jax.benchmark.report.findings import collect_findings
from gan_jax.benchmark.report.html.document import render_page
from gan_jax.benchmark.report.results import read_results
from gan_jax.benchmark.suites.spec import BENCHMARK_METHODS

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        browser.binary() is None, reason="no Chromium: apt-get install chromium"
    ),
]
KEPT = Path(__file__).parents[2] / "benchmarks/results"
LEVELS = {m: k / 3 - 2 for k, m in enumerate(list(BENCHMARK_METHODS)[:12])}


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    maps = synthetic_maps.planted(LEVELS, seeds=3, factors=(0.1, 1.0, 10.0))
    folder = synthetic.write(tmp_path_factory.mktemp("maps"), *maps)
    found = collect_findings(read_results(folder))
    (folder / "report.html").write_text(render_page(found), "utf-8")
    return folder / "report.html"


@pytest.fixture
def page(path, tmp_path):
    with browser.page(tmp_path) as found:
        found.open(path)
        yield found


def shown(page, selector, read):
    nodes = f"[...document.querySelectorAll({selector!r})]"
    return page.run(f"{nodes}.filter((n) => n.offsetParent).map((n) => {read})")


def search(page, words):
    page.run(
        "(() => { const box = document.querySelector('#search');"
        f" box.value = {words!r}; box.dispatchEvent(new Event('input')); }})()"
    )


def test_the_search_box_shows_the_methods_that_it_names(page):
    for words in ("r1", "GAN_GP, hinge", "no such method", ""):
        search(page, words)
        parts = words.lower().replace(",", " ").split()
        named = [m for m in LEVELS if any(part in m for part in parts)]
        for selector in ("#ranked tbody tr", "figure.map"):
            seen = shown(page, selector, "n.dataset.method")
            assert sorted(seen) == sorted(named or LEVELS)
        assert len(shown(page, "[data-chip-method]", "1")) == len(named or LEVELS)


def test_the_search_box_and_the_chips_work_together(page):
    search(page, "gan")
    page.run("document.querySelector('[data-chip-method=wgan]').click()")
    assert shown(page, "#ranked tbody tr", "n.dataset.method") == ["wgan"]
    search(page, "")
    assert shown(page, "#ranked tbody tr", "n.dataset.method") == ["wgan"]


def test_the_ranking_begins_with_the_largest_area_and_can_be_sorted(page):
    read = "Number(n.cells[2].dataset.key)"
    areas = shown(page, "#ranked tbody tr", read)
    assert areas == sorted(areas, reverse=True) and len(areas) == len(LEVELS)
    page.run("document.querySelector('#ranked thead th:nth-child(3) button').click()")
    assert shown(page, "#ranked tbody tr", read) == areas[::-1]


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (390, 844)])
def test_the_page_of_maps_fits_its_screen(page, path, width, height):
    page.open(path, width, height, mobile=width < 500)
    assert page.run("document.documentElement.scrollWidth") <= width
    sizes = shown(
        page,
        "figure.map",
        "Math.min(...[...n.querySelectorAll('text')].map((t) => t.ownerSVGElement"
        ".getScreenCTM().a * parseFloat(getComputedStyle(t).fontSize)))",
    )
    assert min(sizes) >= 9


@pytest.fixture(scope="module")
def path_of_four_tasks(tmp_path_factory):
    found = collect_findings(read_results(KEPT / "map_pilot"))
    path = tmp_path_factory.mktemp("tasks") / "report.html"
    path.write_text(render_page(found), "utf-8")
    return path


def test_four_tasks_are_seen_without_scrolling(path_of_four_tasks, tmp_path):
    with browser.page(tmp_path) as page:
        page.open(path_of_four_tasks, 1280, 800, mobile=False)
        widths = shown(page, ".columns .scroll", "[n.scrollWidth, n.clientWidth]")
        heights = shown(
            page,
            "figure.map",
            "n.lastElementChild.getBoundingClientRect().top"
            " - n.getBoundingClientRect().top",
        )
    assert len(widths) == 1 and widths[0][0] <= widths[0][1]
    assert len(heights) == 12 and max(heights) - min(heights) < 1
