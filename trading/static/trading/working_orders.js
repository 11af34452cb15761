// Open orders of the page: change one, cancel one. The table is loaded anew with each change, so its buttons are found
// when they are pressed.

import { Refused } from "../accounts/http.js";
import { ask as question, attempt, explain, say } from "../accounts/ui.js";
import { word } from "../accounts/words.js";
import { ask } from "./account_api.js";
import { clearErrors, fieldOf, putError, wordsOf } from "./ticket_errors.js";

const TERMS = { qty: "quantity", limit_price: "limit", stop_price: "stop", trail: "trail", time_in_force: "tif" };

export function workingOrders(place) {
  const dialog = document.getElementById("change");
  const form = document.getElementById("change-form");
  const notice = document.getElementById("change-notice");
  const buttons = form.querySelectorAll("button");
  let order = null; // its row's data, while the dialog is open

  const told = () => document.getElementById("working-notice");
  const stirred = () => document.body.dispatchEvent(new CustomEvent("raxx:orders"));

  place.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-change], [data-cancel]");
    const row = button?.closest("[data-order]");
    if (!row) {
      return;
    }
    if (button.matches("[data-change]")) {
      open(row.dataset);
    } else if ((await question({ title: word("cancel_order"), yes: word("cancel_yes"), danger: true })) !== null) {
      await attempt({ control: button, notice: told() }, async () => {
        await ask("DELETE", `/v2/orders/${row.dataset.order}`);
        said(word("cancel_asked"));
      });
    }
  });

  /** Say something where the table is, also after it has been loaded anew. */
  function said(text) {
    place.addEventListener("htmx:afterSwap", () => say(told(), text), { once: true });
    stirred();
  }

  function open(data) {
    order = { ...data };
    clearErrors(form);
    say(notice, "");
    for (const [name, kept] of Object.entries(TERMS)) {
      form.querySelector(`[data-term="${name}"]`).hidden = !order[kept] || (name === "qty" && Boolean(order.class));
      form.elements[name].value = name === "qty" ? order[kept].replaceAll(",", "") : order[kept];
    }
    dialog.showModal();
  }

  function changes() {
    return Object.fromEntries(
      Object.entries(TERMS)
        .filter(([name]) => !form.querySelector(`[data-term="${name}"]`).hidden)
        .map(([name, kept]) => [name, form.elements[name].value.trim(), order[kept].replaceAll(",", "")])
        .filter(([, now, before]) => now && now !== before)
        .map(([name, now]) => [name, now]),
    );
  }

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (buttons[0].disabled) {
      return;
    }
    clearErrors(form);
    const wanted = changes();
    if (!Object.keys(wanted).length) {
      say(notice, word("unchanged"));
      return;
    }
    buttons[0].disabled = true;
    try {
      await ask("PATCH", `/v2/orders/${order.order}`, wanted);
      dialog.close();
      said(word("changed"));
    } catch (error) {
      refused(error);
    } finally {
      buttons[0].disabled = false;
    }
  });

  function refused(error) {
    if (!(error instanceof Refused) || ![400, 403, 422].includes(error.status)) {
      explain(notice, error);
      return;
    }
    const text = wordsOf(error.message, error.body);
    const field = /\bqty\b|buying power|quantity/.test(error.message) ? "qty" : fieldOf(form, error.message);
    if (!putError(form, field, text, { id: "c-" })) {
      say(notice, text, "bad");
    }
  }

  form.querySelector("[data-close]").addEventListener("click", () => dialog.close());
}
