"""The built book as a reader sees it: in Chromium at two widths, light and dark, and every link and picture of it."""

from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import browser
import pytest

from solarsynth import paths

WIDE, NARROW = 1280, 390  # pixels: a laptop's window and a phone


def published_pages():
    """Return the addresses of the book's pages without their ending, from what is committed."""
    import yaml

    toc = yaml.safe_load((paths.root() / "_toc.yml").read_text(encoding="utf-8"))
    return [
        toc["root"],
        *(chapter["file"] for part in toc["parts"] for chapter in part["chapters"]),
        "search",
        "genindex",
    ]


# --- links and pictures


class Page(HTMLParser):
    """What a page refers to, and the places in it that can be referred to."""

    def __init__(self, text):
        super().__init__()
        self.references, self.places = [], {"", "top"}
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        names = dict(attributes)
        self.places |= {names[key] for key in ("id", "name") if names.get(key)}
        wanted = {"a": "href", "link": "href", "img": "src", "script": "src", "source": "src"}.get(tag)
        if names.get(wanted):
            self.references.append(names[wanted])


def broken(folder):
    """Return the references of a folder's pages to files or places that are not there."""
    files = sorted(path for path in folder.rglob("*.html") if "_static" not in path.parts)  # there are templates in it
    pages = {path: Page(path.read_text(encoding="utf-8")) for path in files}
    found = []
    for path, page in pages.items():
        for reference in page.references:
            parts = urlsplit(reference)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            missing = not target.is_file()
            if not missing and target in pages and parts.fragment:
                missing = unquote(parts.fragment) not in pages[target].places
            if missing:
                found.append(f"{path.relative_to(folder)}: {reference}")
    return found


def test_every_link_and_picture_is_there(built_book):
    assert len(list(built_book.rglob("*.html"))) > 20
    assert not broken(built_book)


def test_a_broken_link_is_found(tmp_path):
    (tmp_path / "a.html").write_text(
        '<p id="here"><a href="b.html#x">b</a><a href="#here"></a><img src="no%20.png"></p>'
    )
    (tmp_path / "b.html").write_text('<a href="https://example.org/x">x</a><a href="a.html#gone"></a>')
    assert broken(tmp_path) == ["a.html: b.html#x", "a.html: no%20.png", "b.html: a.html#gone"]


# --- in the browser

#: Pictures that are broken, and equations that are not set.
CONTENT = """(() => {
  const pictures = [...document.images].filter(i => !(i.complete && i.naturalWidth)).map(i => i.src);
  const equations = [...document.querySelectorAll('.math')];
  const unset = equations.filter(m => !m.querySelector('mjx-container')).map(m => m.textContent);
  const wrong = [...document.querySelectorAll('mjx-merror')].map(m => m.textContent);
  return [...pictures, ...unset, ...wrong];
})()"""

#: What of a page is cut or pushes the page wide, although the reader cannot see that there is more.
OVERFLOW = """(() => {
  const root = document.documentElement, width = root.clientWidth, found = [];
  if (root.scrollWidth > width) found.push('the page is ' + root.scrollWidth + ' px wide');
  const article = document.querySelector('.bd-article');
  for (const one of article ? article.querySelectorAll('*') : []) {
    const box = one.getBoundingClientRect();
    if (box.width < 2 || box.height < 2 || box.right <= width + 1) continue;
    if (one.closest('svg, mjx-assistive-mml, mjx-container *')) continue;
    let above = one.parentElement;
    while (above && !['auto', 'scroll'].includes(getComputedStyle(above).overflowX)) above = above.parentElement;
    if (!above || above.contains(article))
      found.push(one.tagName + '.' + one.className + ' ends at ' + Math.round(box.right));
  }
  return found.slice(0, 5);
})()"""

#: The colours of a page's text and of what lies behind it, as [r, g, b].
COLOURS = """(() => {
  const numbers = text => text.match(/[0-9.]+/g).map(Number);
  let behind = document.querySelector('.bd-article, article, main');
  const text = numbers(getComputedStyle(behind).color);
  while (behind && numbers(getComputedStyle(behind).backgroundColor)[3] === 0) behind = behind.parentElement;
  return [text, behind ? numbers(getComputedStyle(behind).backgroundColor) : [255, 255, 255]];
})()"""


def luminance(colour):
    """Return the relative luminance of an sRGB colour, as WCAG 2 defines it."""
    linear = [c / 3294.6 if c <= 10.31475 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in colour[:3]]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    """Return the contrast of two colours, 1 to 21."""
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


@pytest.fixture(scope="module")
def chromium(tmp_path_factory):
    program = browser.find()
    if program is None:
        pytest.skip(f"no Chromium on this machine ({', '.join(browser.NAMES)})")
    opened = browser.Browser(program, tmp_path_factory.mktemp("profile"))
    yield opened
    opened.close()


@pytest.mark.parametrize("page", published_pages())
def test_a_page_is_whole(chromium, built_book, page):
    for scheme, width, other in (("light", WIDE, NARROW), ("dark", NARROW, WIDE)):
        chromium.show(width, scheme=scheme)
        chromium.open((built_book / f"{page}.html").as_uri())
        assert not chromium.faults, scheme
        assert not chromium.evaluate(CONTENT), scheme
        text, behind = chromium.evaluate(COLOURS)
        assert contrast(text, behind) > 4.5, (scheme, text, behind)
        assert (luminance(behind) > 0.5) == (scheme == "light"), (scheme, behind)
        for shown in (width, other):
            chromium.show(shown, scheme=scheme)
            assert not chromium.evaluate(OVERFLOW), f"{shown} px, {scheme}"


def test_equations_are_on_the_page(chromium, built_book):
    chromium.open((built_book / "chapters" / "03_background.html").as_uri())
    assert chromium.evaluate("document.querySelectorAll('mjx-container').length") > 10


def test_the_doors_of_the_front_page_lead_to_pages(chromium, built_book):
    chromium.open((built_book / "index.html").as_uri())
    links = chromium.evaluate("[...document.querySelectorAll('.doors a')].map(a => a.href)")
    assert [Path(urlsplit(link).path).name for link in links] == ["index.html", "reproducing.html", "use-it.html"]
    assert urlsplit(links[0]).fragment == "claim-by-claim"


FAULTY = {
    "asks the network": "<script src='http://127.0.0.1:9/x.js'></script>",
    "does not load": "<img src='gone.png'>",
    "script:": "<script>undefined.x</script>",
    "console:": "<script>console.error('no')</script>",
}


@pytest.mark.parametrize("fault", FAULTY)
def test_a_fault_of_a_page_is_seen(chromium, tmp_path, fault):
    (tmp_path / "page.html").write_text(f"<!DOCTYPE html><title>t</title>{FAULTY[fault]}")
    chromium.open((tmp_path / "page.html").as_uri())
    assert any(fault in one for one in chromium.faults), chromium.faults


@pytest.mark.parametrize(
    "style, seen", [("width: 900px", True), ("overflow-x: auto", False), ("overflow-x: hidden", True)]
)
def test_what_is_cut_is_seen(chromium, tmp_path, style, seen):
    body = f"<div class='bd-article'><div style='{style}'><p style='width: 800px'>wide</p></div></div>"
    (tmp_path / "page.html").write_text(
        f"<!DOCTYPE html><title>t</title>{body}<img src='gone.png'><b class='math'>x</b>"
    )
    chromium.show(NARROW)
    chromium.open((tmp_path / "page.html").as_uri())
    assert bool(chromium.evaluate(OVERFLOW)) == seen
    assert len(chromium.evaluate(CONTENT)) == 2
