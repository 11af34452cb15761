// The first two minutes: answers, what they come to, the account, its watchlist, and on to a first order.

import { call, Refused } from "../accounts/http.js";
import { attempt, say } from "../accounts/ui.js";
import { word } from "../accounts/words.js";
import { ask as askApi } from "./account_api.js";
import { ABOUT_ACCOUNTS, atFields, clear, plainNumber } from "./fields.js";

const STEPS = "/raxx/v1/first-steps";

const asking = document.getElementById("asking");
const choosing = document.getElementById("choosing");
const questions = document.getElementById("questions");
const account = document.getElementById("account");
const comesTo = document.getElementById("comes-to");
const starters = [...account.querySelectorAll("[data-symbols-to-list]")]; // one for each market
let opened = null; // an account that is open already: a second try goes on from there

function show(section) {
  asking.hidden = section !== asking;
  choosing.hidden = section !== choosing;
  scrollTo(0, 0);
  section.querySelector("h1").focus();
}

function take(choice) {
  account.elements.cash.value = choice.dataset.cash;
  account.elements.profile.value = choice.dataset.simulation;
  account.elements.multiplier.value = choice.dataset.multiplier;
}

function chosen() {
  return account.querySelector("input[name=investor]:checked");
}

questions.addEventListener("submit", async (event) => {
  event.preventDefault();
  const notice = questions.querySelector("[data-notice]");
  const missing = [...questions.querySelectorAll("fieldset")].find((one) => !one.querySelector(":checked"));
  if (missing) {
    say(notice, word("answer_all"), "warn");
    missing.querySelector("input").focus();
    return;
  }
  const answers = Object.fromEntries(new FormData(questions));
  const kept = await attempt({ control: questions, notice }, () => call("PUT", STEPS, { answers }));
  if (kept === undefined) {
    return;
  }
  say(notice, "");
  const choice = account.querySelector(`input[value="${kept.comes_to.name}"]`);
  choice.checked = true;
  take(choice);
  comesTo.textContent = word("comes_to", { profile: choice.dataset.title });
  show(choosing);
});

document.getElementById("skip").addEventListener("click", () => {
  take(chosen());
  comesTo.textContent = word("choose");
  show(choosing);
});
document.getElementById("back").addEventListener("click", () => show(asking));
account.addEventListener("change", (event) => {
  if (event.target.name === "investor") {
    take(event.target);
  } else if (event.target.name === "market") {
    for (const one of starters) {
      one.hidden = one.dataset.market !== event.target.value;
    }
  }
});

async function open(notice) {
  const given = new FormData(account);
  say(notice, word("opening"));
  opened ??= await call("POST", "/raxx/v1/accounts", {
    name: given.get("name").trim(),
    cash: plainNumber(given.get("cash")),
    profile: given.get("profile"),
    multiplier: Number(given.get("multiplier")),
    ...(given.has("market") ? { market: given.get("market") } : {}),
  });
  await call("PUT", STEPS, { profile: given.get("investor") });
  const symbols = starters.find((one) => !one.hidden)?.dataset.symbolsToList.split(" ") ?? [];
  if (symbols.length) {
    say(notice, word("filling_list"));
    await fillList(symbols);
  }
  return symbols[0];
}

async function fillList(symbols) {
  try {
    await askApi("POST", "/v2/watchlists", { name: word("list_name"), symbols }, { account: opened.id });
  } catch (error) {
    if (!(error instanceof Refused && error.status === 422)) {
      throw error; // but a list of that name, of a first try whose answer was lost, is as good
    }
  }
}

account.addEventListener("submit", async (event) => {
  event.preventDefault();
  const notice = account.querySelector("[data-notice]");
  clear(account);
  let refused = null;
  const done = await attempt({ control: account, notice, busy: word("opening") }, async () => {
    try {
      return { symbol: await open(notice) };
    } catch (error) {
      if (!(error instanceof Refused) || error.isSignedOut || error.status === 429) {
        throw error;
      }
      refused = error;
      return undefined;
    }
  });
  if (refused) {
    atFields(account, notice, refused, ABOUT_ACCOUNTS);
  } else if (done) {
    const place = `/paper/${opened.account_number}`;
    location.assign(done.symbol ? `${place}/symbols/${encodeURIComponent(done.symbol)}?guide=1` : place);
  }
});

// Back from the next page, the browser shows this one as it was: an account would be opened twice.
addEventListener("pageshow", (event) => {
  if (event.persisted) {
    location.reload();
  }
});
