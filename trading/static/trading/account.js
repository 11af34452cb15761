// The page of an account: what a person does on it, and when it looks anew at what the account's events change.

import { Refused } from "../accounts/http.js";
import { ask as question, attempt, explain, say } from "../accounts/ui.js";
import { word } from "../accounts/words.js";
import { ask } from "./account_api.js";
import "./account_curve.js";
import "./account_marks.js";
import { paced } from "./pacing.js";

const LOOK_MS = 2_000; // between two looks at an account in which much happens

const notice = document.getElementById("notice");
const watchNotice = document.getElementById("watch-notice");
const changed = paced(LOOK_MS, () => document.body.dispatchEvent(new CustomEvent("desk:changed")));
const stirred = () => document.body.dispatchEvent(new CustomEvent("raxx:orders"));
const watchlistStirred = () => document.body.dispatchEvent(new CustomEvent("desk:watchlist"));

document.body.addEventListener("raxx:orders", changed);

document.body.addEventListener("htmx:responseError", (event) => {
  const { status } = event.detail.xhr;
  const after = Number(event.detail.xhr.getResponseHeader("Retry-After")) || null;
  explain(notice, new Refused(status, {}, after));
  if (status === 429) {
    changed.rest((after ?? 1) * 1000); // and then once more: what was refused is still to be seen
  }
});

/** Do what a person asked for, after they have confirmed it. */
async function confirmed(control, { title, text, yes }, action, done) {
  if ((await question({ title, text, yes, danger: true })) === null) {
    return;
  }
  await attempt({ control, notice }, async () => {
    await action();
    say(notice, done, "good");
    stirred();
  });
}

const acts = {
  async cancel(button, { cancel, order }) {
    const asked = { title: word("cancel_order"), text: word("cancel_order_text", { order }), yes: word("cancel_yes") };
    await confirmed(button, asked, () => ask("DELETE", `/v2/orders/${cancel}`), word("cancel_asked"));
  },
  async close(button, { close: symbol, shares: quantity }) {
    const asked = { title: word("close", { symbol }), text: word("close_text", { quantity }), yes: word("close_yes") };
    const path = `/v2/positions/${encodeURIComponent(symbol)}`;
    await confirmed(button, asked, () => ask("DELETE", path), word("close_asked", { symbol }));
  },
  async unwatch(button, { unwatch: symbol }) {
    await attempt({ control: button, notice: watchNotice }, async () => {
      await ask("DELETE", `/v2/watchlists/${listId()}/${encodeURIComponent(symbol)}`);
      say(watchNotice, word("unwatched", { symbol }));
      document.getElementById("watch-symbol").focus();
      watchlistStirred();
    });
  },
};

document.getElementById("main").addEventListener("click", (event) => {
  const button = event.target.closest("button");
  const act = Object.keys(acts).find((name) => button?.dataset[name] !== undefined);
  if (act !== undefined) {
    acts[act](button, button.dataset);
  }
});

const all = document.getElementById("cancel-all");
all.addEventListener("click", () => {
  const asked = { title: word("cancel_all"), text: word("cancel_all_text"), yes: word("cancel_all_yes") };
  confirmed(all, asked, () => ask("DELETE", "/v2/orders"), word("cancel_all_asked"));
});

const listId = () => document.getElementById("watched").dataset.list;

const form = document.getElementById("watch-add");
form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const field = form.elements.symbol;
  const symbol = field.value.trim().toUpperCase();
  await attempt({ control: form, notice: watchNotice }, async () => {
    field.removeAttribute("aria-invalid");
    try {
      if (listId()) {
        await ask("POST", `/v2/watchlists/${listId()}`, { symbol });
      } else {
        await ask("POST", "/v2/watchlists", { name: word("watchlist_name"), symbols: [symbol] });
      }
    } catch (error) {
      if (error instanceof Refused && [404, 422].includes(error.status)) {
        field.setAttribute("aria-invalid", "true");
        field.setAttribute("aria-describedby", "watch-notice");
      }
      throw error;
    }
    field.value = "";
    say(watchNotice, word("watched", { symbol }));
    watchlistStirred();
  });
  field.focus();
});
