// The ticket: its fields, the estimate of what they say, the request behind it, and the way to the confirmation.

import { Refused } from "../accounts/http.js";
import { explain, say } from "../accounts/ui.js";
import { word } from "../accounts/words.js";
import { confirmation } from "./ticket_confirm.js";
import { clearErrors, fieldOf, putError, wordsOf } from "./ticket_errors.js";
import { arrange, begin, bodyOf, needed, valueOf } from "./ticket_fields.js";
import { requestView } from "./ticket_request.js";

const TYPED_MS = 350; // after the last key
const POSITIVE = /^(?=.*[1-9])\d*\.?\d*$/;

export function ticket(form) {
  const notice = document.getElementById("ticket-notice");
  const estimate = document.getElementById("estimate");
  const order = document.getElementById("ticket-order");
  const review = document.getElementById("review");
  const showRequest = requestView(estimate);
  const confirm = confirmation(form, { refused, done });
  let typed = null;
  let estimated = null; // the order that the estimate on the page is of
  const waiting = []; // who waits for the estimate that is asked for: they are told whether there is one

  /** Return the first field that is missing or no number, with the words for it; null when the ticket is complete. */
  function gap() {
    for (const wish of needed(form)) {
      const [name, mayBeEmpty] = [wish.replace("?", ""), wish.endsWith("?")];
      const text = valueOf(form, name);
      if (!text && !mayBeEmpty) {
        return { name, text: word("missing") };
      }
      if (text && !POSITIVE.test(text)) {
        return { name, text: word("not_positive") };
      }
    }
    return null;
  }

  function refused(message, figures) {
    const text = wordsOf(message, figures);
    if (putError(form, fieldOf(form, message), text)) {
      say(notice, "");
    } else {
      say(notice, text, "bad");
      review.focus();
    }
  }

  /** The order is placed: the ticket is ready for another one, and judges nothing until there is one. */
  function done() {
    begin(form);
    changed();
    askEmpty();
  }

  /** Have the estimate empty, and the request behind it: what they told of is placed. */
  function askEmpty() {
    order.value = "";
    document.body.dispatchEvent(new CustomEvent("raxx:ticket"));
  }

  /** Ask for the estimate of the ticket as it stands; resolves to whether there is one. */
  function askEstimate() {
    clearTimeout(typed);
    order.value = JSON.stringify(bodyOf(form));
    return new Promise((resolve) => {
      waiting.push(resolve);
      document.body.dispatchEvent(new CustomEvent("raxx:ticket")); // after one that is under way
    });
  }

  function answered(isThere) {
    estimated = isThere ? order.value : null;
    for (const resolve of waiting.splice(0)) {
      resolve(isThere);
    }
  }

  function changed() {
    clearTimeout(typed);
    arrange(form);
    clearErrors(form);
    say(notice, "");
    if (gap()) {
      order.value = "";
      estimate.classList.add("old");
      verdict(word("incomplete"));
    } else if (JSON.stringify(bodyOf(form)) !== estimated) {
      estimate.classList.add("old");
      typed = setTimeout(askEstimate, TYPED_MS);
    }
  }

  function verdict(text, isBad = false) {
    const place = estimate.querySelector("[data-verdict]");
    place.textContent = text;
    place.classList.toggle("bad", isBad);
  }

  estimate.addEventListener("htmx:afterSwap", (event) => {
    estimate.classList.remove("old");
    const { refused: message, buyingPower, costBasis } = estimate.firstElementChild.dataset;
    if (message) {
      verdict(wordsOf(message, { buying_power: buyingPower, cost_basis: costBasis }), true);
    }
    showRequest();
    if (new URL(event.detail.xhr.responseURL).searchParams.get("order") === order.value) {
      answered(Boolean(order.value));
    } else {
      estimate.classList.add("old"); // the ticket has changed meanwhile: another answer comes
    }
    if (!order.value) {
      verdict(word("incomplete"));
    }
  });
  for (const name of ["htmx:responseError", "htmx:sendError", "htmx:timeout"]) {
    estimate.addEventListener(name, (event) => {
      verdict(word("no_estimate"));
      const { status } = event.detail.xhr;
      if (status === 401 || status === 429) {
        explain(notice, new Refused(status, {}, Number(event.detail.xhr.getResponseHeader("Retry-After")) || null));
      }
      answered(false);
    });
  }

  form.addEventListener("input", changed);
  form.addEventListener("change", changed);
  document.body.addEventListener("raxx:orders", () => {
    if (!gap() && !document.querySelector("dialog[open]")) {
      askEstimate();
    }
  });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (review.getAttribute("aria-busy") === "true") {
      return;
    }
    clearErrors(form);
    say(notice, "");
    const missing = gap();
    if (missing) {
      putError(form, missing.name, missing.text);
      return;
    }
    review.setAttribute("aria-busy", "true");
    const isThere = await askEstimate().finally(() => review.removeAttribute("aria-busy"));
    const { refused: message, buyingPower, costBasis, late } = estimate.firstElementChild.dataset;
    if (isThere && message && late === undefined) {
      refused(message, { buying_power: buyingPower, cost_basis: costBasis });
      return;
    }
    confirm(bodyOf(form), isThere ? estimate : null);
  });
  changed();
}
