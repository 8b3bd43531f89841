"""A Sphinx extension: the first use of a term on a page is a link into the glossary.

The chapters are executed notebooks and are not edited. Their links are therefore made while the book is built.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform

#: Text below these nodes is a heading, a link, code, a formula, a table or a work cited, and stays as it is.
CLOSED = (
    nodes.title,
    nodes.citation,
    nodes.reference,
    nodes.FixedTextElement,
    nodes.literal,
    nodes.math,
    nodes.raw,
    nodes.table,
    addnodes.pending_xref,
    addnodes.desc,
    addnodes.glossary,
)

PLURAL = r"(?:s|es)?"


class GlossaryLinks(SphinxPostTransform):
    """Turns the first use of each term into a reference, before references are resolved."""

    default_priority = 5  # Sphinx resolves references at 10

    def run(self, **options: Any) -> None:
        """Insert the references of one page."""
        entries = self.env.get_domain("std").objects
        terms = {name: place[0] for (kind, name), place in entries.items() if kind == "term"}
        wanted = targets((name for name, page in terms.items() if page != self.env.docname), self.config.glossary_plain)
        for text in list(open_texts(self.document)):
            if not wanted:
                break
            if pieces := linked(str(text), wanted, self.env.docname):
                text.parent.replace(text, pieces)


def targets(terms: Iterable[str], plain: Iterable[str]) -> dict[str, str]:
    """Return the words to look for, each with its term of the glossary.

    Parameters
    ----------
    terms : iterable of str
        Headings of the glossary; ``TSS, HSS`` explains two words.
    plain : iterable of str
        Words that also have an everyday meaning and are not linked.
    """
    found = {word: term for term in terms for word in term.split(", ")}
    return {word: term for word, term in found.items() if word not in set(plain)}


def pattern(words: Iterable[str]) -> re.Pattern[str]:
    """Return an expression that finds words, also in the plural, and with a capital where a sentence begins."""
    parts = [_either_case(word) for word in sorted(words, key=len, reverse=True)]
    return re.compile(rf"(?<![\w-])({'|'.join(parts)}){PLURAL}(?![\w-])")


def _either_case(word: str) -> str:
    first = re.escape(word[0])
    return (f"[{first}{first.upper()}]" if word[0].islower() else first) + re.escape(word[1:])


def linked(text: str, wanted: dict[str, str], page: str) -> list[nodes.Node]:
    """Split a text at the first use of each wanted word; remove the words that were found from `wanted`.

    Returns
    -------
    list of Node
        Texts and references in turn; empty if the text uses none of the words.
    """
    pieces: list[nodes.Node] = []
    start = 0
    while wanted and (match := pattern(wanted).search(text, start)):
        word = match[1] if match[1] in wanted else match[1][0].lower() + match[1][1:]
        term = wanted[word]
        for other in [one for one, its in wanted.items() if its == term]:
            del wanted[other]
        pieces += [nodes.Text(text[start : match.start()]), _reference(match[0], term, page)]
        start = match.end()
    return [*pieces, nodes.Text(text[start:])] if pieces else []


def _reference(shown: str, term: str, page: str) -> addnodes.pending_xref:
    inner = nodes.inline(shown, shown, classes=["glossary-term"])
    return addnodes.pending_xref(
        "", inner, refdomain="std", reftype="term", reftarget=term, refexplicit=True, refwarn=True, refdoc=page
    )


def open_texts(document: nodes.Node) -> Iterator[nodes.Text]:
    """Yield the texts of paragraphs in which words may be linked, in the order of the page."""
    for text in document.findall(nodes.Text):
        above = []
        node = text.parent
        while node is not None:
            above.append(node)
            node = node.parent
        in_cell = any("cell" in node.get("classes", ()) for node in above if isinstance(node, nodes.Element))
        if any(isinstance(node, nodes.paragraph) for node in above) and not in_cell:
            if not any(isinstance(node, CLOSED) for node in above):
                yield text


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the transform and its setting `glossary_plain`."""
    app.add_config_value("glossary_plain", [], "env", [list])
    app.add_post_transform(GlossaryLinks)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
