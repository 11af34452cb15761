"""No text of ours tells anybody what to trade: education, never advice. All copy is read, wherever it stands."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
APPS = ("accounts", "trading", "broker_handoff", "raxx", "matching")
# What advice sounds like. To buy and to sell are what a ticket does; to be told to is something else.
FORBIDDEN = [
    r"\brecommend",
    r"\badvis(?:e|able|ed)\b",
    r"\byou(?:'d| would| had)? (?:should|ought to|must|need to|better) (?:\w+ )?(?:buy|sell|invest|hold|trade|short)",
    r"\b(?:should|ought to|must) (?:\w+ )?(?:buy|sell|invest|be (?:buying|selling))\b",
    r"\bshould (?:you )?invest\b",
    r"\bwe (?:suggest|believe|expect|think|like|favou?r)\b",
    r"\b(?:a |the )?(?:good|best|right|great|perfect) (?:time|moment|price|point|day) (?:to|for) (?:\w+ )?(?:buy|sell|invest|enter|trade|get in)",
    r"\b(?:buy|sell|invest|act|trade) (?:now|today|before it)\b",
    r"\b(?:consider|try|think of|think about) (?:buying|selling|investing|shorting)\b",
    r"\bopportunit",
    r"\b(?:strong|clear) (?:buy|sell)\b",
    r"\b(?:hot|top|best|favou?rite) (?:stock|pick|tip|trade)s?\b",
    r"\b(?:under|over)valued\b",
    r"\bcheap stock|\bbargain",
    r"\bguarantee(?:d|s)? (?:return|profit|gain|income)",
    r"\brisk[- ]free\b",
    r"\b(?:can't|cannot|never) lose\b",
    r"\b(?:easy|quick|sure|safe) (?:money|profit|gain|win)s?\b",
    r"\b(?:beat|outperform)s? the market\b",
    r"\b(?:will|bound to|going to) (?:rise|fall|go up|go down|recover|rally|crash)\b",
    r"\bdon't miss\b|\bmiss out\b",
    r"\bget rich\b",
]
PATTERN = re.compile("|".join(FORBIDDEN), re.IGNORECASE)

TRANSLATED = re.compile(
    r"""\{%\s*translate\s+(?:"([^"]*)"|'([^']*)')|\{%\s*blocktranslate[^%]*%\}(.*?)\{%\s*endblocktranslate""",
    re.DOTALL,
)
GETTEXT = {"_", "gettext", "gettext_lazy", "ngettext", "pgettext", "ngettext_lazy"}
HELP = {"help", "help_text", "description", "summary", "words", "sentence", "verbose_name"}


def _of_templates() -> dict[str, str]:
    """Return the text of each template, less its tags: also what somebody forgot to have translated."""
    found = {}
    for app in APPS:
        for path in sorted((ROOT / app).glob("**/templates/**/*.html")):
            text = path.read_text(encoding="utf-8")
            told = " · ".join(next(part for part in match if part is not None) for match in _groups(text))
            plain = re.sub(r"\{[%#{].*?[%#}]\}|<[^>]*>", " ", text, flags=re.DOTALL)
            found[path.relative_to(ROOT).as_posix()] = f"{told} · {plain}"
    return found


def _groups(text: str) -> list[tuple[str | None, ...]]:
    return [match.groups() for match in TRANSLATED.finditer(text)]


def _of_code() -> dict[str, str]:
    """Return what code says to people: translated texts, helps, descriptions, and whole modules of words."""
    found = {}
    for app in APPS:
        for path in sorted((ROOT / app).glob("**/*.py")):
            if "migrations" in path.parts:
                continue
            tree = ast.parse(path.read_text(encoding="utf-8"))
            is_words = (
                "words" in path.stem
                or "explaining" in path.parts
                or path.stem in {"mail", "mails", "denials"}
            )
            texts = _strings(tree) if is_words else _told(tree)
            if texts:
                found[path.relative_to(ROOT).as_posix()] = " · ".join(texts)
    return found


def _told(tree: ast.AST) -> list[str]:
    texts = []
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = getattr(node.func, "id", getattr(node.func, "attr", ""))
        if name in GETTEXT:
            texts += [text for argument in node.args for text in _strings(argument)]
        texts += [text for given in node.keywords if given.arg in HELP for text in _strings(given.value)]
    return texts


def _strings(tree: ast.AST) -> list[str]:
    return [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]


def _of_profiles() -> dict[str, str]:
    files = sorted((ROOT / "trading/sql").glob("*profiles.sql"))
    return {path.name: path.read_text(encoding="utf-8") for path in files}


@cache
def copy() -> dict[str, str]:
    """Return all copy, by where it stands."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    return {**_of_templates(), **_of_code(), **_of_profiles(), "README.md": readme}


def test_the_reader_finds_what_people_read() -> None:
    for place, words in {
        "trading/templates/trading/start.html": "How shall your first account begin?",
        "trading/dashboard/start_words.py": "Wait and see",
        "accounts/dashboard/words.py": "You are signed out",
        "trading/api/schema/first_steps.py": "Keep your answers",
        "0017_investor_profiles.sql": "basis points worse",
        "README.md": "Raxx",
    }.items():
        assert words in copy()[place], place
    assert len(copy()) > 60


def test_no_text_tells_anybody_what_to_trade() -> None:
    found = {place: [match.group(0) for match in PATTERN.finditer(text)] for place, text in copy().items()}

    assert {place: words for place, words in found.items() if words} == {}


@pytest.mark.parametrize(
    "advice",
    [
        "We recommend a small position.",
        "You should buy on a day like this.",
        "You should really sell.",
        "Now is a good time to invest.",
        "The best moment for buying is the open.",
        "Consider buying the dip.",
        "An opportunity in technology",
        "Buy now!",
        "This stock will rise.",
        "Risk-free returns",
        "Our top picks",
        "NVDA is undervalued",
        "We think that it recovers",
        "Don't miss the rally",
    ],
)
def test_advice_is_recognised(advice: str) -> None:
    assert PATTERN.search(advice)


@pytest.mark.parametrize(
    "fact",
    [
        "Buy",
        "Sell, and look at it from outside",
        "You must confirm with your passkey.",
        "The order was filled at the best price there is.",
        "An order to buy waits until the price falls.",
        "Nothing is known to be lost; try again.",
        "Should the market be closed, the order waits.",
    ],
)
def test_what_an_order_does_is_no_advice(fact: str) -> None:
    assert not PATTERN.search(fact)
