"""Reading docstrings: their first sentence, their formula and their sources.

A registered function says these things once, in its docstring. Its first sentence
says what it is or does. The first text between backticks that is neither a name nor a
shape is its formula. A source is an author and a year, with an arXiv or DOI number:
`Mescheder et al. 2018, arXiv 1801.04406`.
"""

import re

FOUNDING = "the founding configuration"
"""The source of what this project began with."""
UNSOURCED = "Source: none."
"""The sentence of a docstring that says that no paper is the source."""

ABBREVIATIONS = r"(?<!\bal)(?<!\beq)(?<!\be\.g)(?<!\bi\.e)(?<! )"
END_OF_SENTENCE = re.compile(rf"{ABBREVIATIONS}\.(?=\s|$)")
BACKTICKED = re.compile(r"`([^`]+)`")
NAME_OR_SHAPE = re.compile(r"[A-Za-z_][\w.]+|\[[\w, ./]+\]")
SURNAME = r"[A-Z][\w'-]+"
PEOPLE = rf"{SURNAME}(?: et al\.|(?:, {SURNAME})* and {SURNAME})?"
NUMBER = r"arXiv \d{4}\.\d{4,5}(?: and \d{4}\.\d{4,5})*|doi \S+[^\s.,;)]|JMLR \d+"
BARE_NUMBER = r"\d{4}\.\d{4,5}"
WORK = rf"{PEOPLE} (?:19|20)\d\d"
CITATION = re.compile(
    rf"{WORK}(?: and {WORK})*(?:, (?:{NUMBER}|{BARE_NUMBER})|\s\((?:{NUMBER})\))?"
)
CITING_SENTENCE = re.compile(rf"(?:^|\.\s|;\s|:\s)(?={WORK})")


def join_lines(docstring: str | None) -> str:
    """Return the text of a docstring as one line."""
    return " ".join((docstring or "").split())


def read_sentence(docstring: str | None) -> str:
    """Return the first sentence of a docstring, with its full stop; "" without one."""
    text = join_lines((docstring or "").strip().partition("\n\n")[0])
    found = END_OF_SENTENCE.search(text)
    sentence = text[: found.start()] if found else text
    return f"{sentence.rstrip('.:')}." if sentence else ""


def read_formula(docstring: str | None) -> str:
    """Return the first text between backticks that is no name and no shape, or ""."""
    for text in BACKTICKED.findall(join_lines(docstring)):
        if not NAME_OR_SHAPE.fullmatch(text) and "<http" not in text:
            return text
    return ""


def read_sources(docstring: str | None) -> tuple[str, ...]:
    """Return the works that a docstring cites as the source of what it describes.

    These are the citations that begin a sentence or a clause; where there are none, the
    works that a sentence mentions. What the project began with has FOUNDING, and what
    says `Source: none.` has "none". The tuple is empty if the docstring says nothing.
    """
    text = join_lines(docstring)
    starts = {found.end() for found in CITING_SENTENCE.finditer(text)}
    cited = list(CITATION.finditer(text))
    leading = [found for found in cited if found.start() in starts]
    works = dict.fromkeys(add_arxiv(found.group()) for found in leading or cited)
    if works:
        return tuple(works)
    if "founding configuration" in text.lower():
        return (FOUNDING,)
    return ("none",) if UNSOURCED in text else ()


def add_arxiv(citation: str) -> str:
    """Return a citation whose bare number has the word arXiv before it."""
    return re.sub(rf", ({BARE_NUMBER})$", r", arXiv \1", citation)
