"""What the questions of the first two minutes say, and what the investor profiles are. Education, never advice."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _

# Question -> what is asked, what is said beside it, and the words of each answer of trading/first_steps.py.
QUESTION_WORDS: dict[str, dict[str, Any]] = {
    "horizon": {
        "asks": _("For how long do you imagine holding something?"),
        "help": _("The longer it is held, the more its price has time to swing, both ways."),
        "answers": {
            "under_a_year": _("Less than a year"),
            "some_years": _("Some years"),
            "many_years": _("Ten years or more"),
        },
    },
    "fall": {
        "asks": _("What you hold has lost 20 %. What would you do first?"),
        "help": _(
            "Whole markets have fallen so far a number of times, single stocks more often. There is no right answer."
        ),
        "answers": {
            "sell": _("Sell, and look at it from outside"),
            "wait": _("Wait and see"),
            "hold": _("Leave it, or hold more"),
        },
    },
    "aim": {
        "asks": _("What do you want to learn here?"),
        "help": _("It changes how much paper money you begin with, and nothing that you may do."),
        "answers": {
            "orders": _("How orders work: types, queues, costs"),
            "income": _("How steady amounts add up"),
            "spread": _("How many positions behave together"),
        },
    },
    "experience": {
        "asks": _("Have you placed orders before, anywhere?"),
        "help": _("On paper or for real."),
        "answers": {"none": _("Never"), "some": _("Some"), "much": _("Often")},
    },
}

PROFILE_WORDS: dict[str, dict[str, Any]] = {
    "trial": {
        "title": _("Trial"),
        "text": _(
            "A small account without borrowed money, in a strict simulation: orders arrive late, fill a little worse, and"
            " cost half a cent a share. Mistakes stay small and are easy to read."
        ),
    },
    "income_builder": {
        "title": _("Income Builder"),
        "text": _(
            "Room for some positions side by side, up to twice the account's equity, in a simulation between strict"
            " and easy: a short delay, a little slippage, no commission."
        ),
    },
    "diversifier": {
        "title": _("Diversifier"),
        "text": _(
            "Room for many positions, up to four times the account's equity during the day, in an easy simulation:"
            " hardly any delay, no slippage, no commission."
        ),
    },
}

# The page's script says these.
START_WORDS = {
    "answer_all": _("One answer to each question, please. Or skip them."),
    "opening": _("Opening your account …"),
    "filling_list": _("The account is open. Putting symbols into a watchlist …"),
    "list_name": _("First symbols"),
    "comes_to": _("Your answers come to “{profile}”. Any other is as good: everything below can be changed."),
    "choose": _("Choose with what to begin. Cash and simulation can be changed later, too."),
}
