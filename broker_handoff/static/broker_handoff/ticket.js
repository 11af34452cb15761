// A real order: written, looked at once more with its amount typed again, confirmed with the passkey for its digest.

import { call, Refused } from "../accounts/http.js";
import { attempt, say } from "../accounts/ui.js";
import { word } from "../accounts/words.js";

const PATH = "/raxx/v1/live/orders";
const PRICES = { market: [], limit: ["limit_price"], stop: ["stop_price"], stop_limit: ["limit_price", "stop_price"] };

const form = document.getElementById("ticket");
const notice = form.querySelector("[data-notice]");
const dialog = document.getElementById("confirm");
const typed = dialog.querySelector("#confirm-amount");
const wrong = dialog.querySelector("#confirm-wrong");

function showPrices() {
  const wanted = PRICES[form.elements.type.value];
  for (const field of form.querySelectorAll("[data-price]")) {
    field.hidden = !wanted.includes(field.dataset.price);
  }
}

/** Return the order as the API takes it: nothing that was not said. */
function orderOf() {
  const { elements } = form;
  const order = {
    symbol: elements.symbol.value.trim().toUpperCase(),
    side: elements.side.value,
    type: elements.type.value,
    time_in_force: elements.time_in_force.value,
    [elements.unit.value]: elements.amount.value.trim(),
  };
  for (const name of PRICES[order.type]) {
    order[name] = elements[name].value.trim();
  }
  if (elements.extended_hours.checked) {
    order.extended_hours = true;
  }
  if (elements.is_repeat.checked) {
    order.is_repeat = true;
  }
  return order;
}

/** Ask once more; true when the amount was typed again and yes was said. */
async function isConfirmed(order) {
  const amount = order.qty ?? order.notional;
  const unit = order.qty === undefined ? "live_dollars" : "live_shares";
  dialog.querySelector("[data-sentence]").textContent = word(`live_sentence_${order.side}`, {
    amount: word(unit, order),
    symbol: order.symbol,
  });
  dialog.querySelector("[data-terms]").replaceChildren(
    ...Object.entries(order).flatMap(([name, value]) => {
      const [term, said] = [document.createElement("dt"), document.createElement("dd")];
      term.textContent = name;
      said.textContent = String(value);
      return [term, said];
    }),
  );
  typed.value = "";
  wrong.textContent = "";
  typed.removeAttribute("aria-invalid");
  dialog.returnValue = "no"; // what Escape leaves
  dialog.showModal();
  typed.focus();
  const check = (event) => {
    if (event.submitter?.value !== "no" && typed.value.trim() !== amount) {
      event.preventDefault();
      wrong.textContent = word("live_typed_wrong", { amount });
      typed.setAttribute("aria-invalid", "true");
      typed.select();
    }
  };
  const inner = dialog.querySelector("form");
  inner.addEventListener("submit", check);
  await new Promise((resolve) => {
    dialog.addEventListener("close", resolve, { once: true });
  });
  inner.removeEventListener("submit", check);
  return dialog.returnValue === "yes";
}

/** Say a text at the fields whose names on the wire `isMeant` picks, and nothing at the others. */
function sayAtFields(isMeant, text) {
  for (const place of form.querySelectorAll("[data-wrong]")) {
    const field = place.parentElement.querySelector("input, select");
    const isIt = place.dataset.wrong.split(" ").some(isMeant);
    place.textContent = isIt ? text : "";
    field.toggleAttribute("aria-invalid", false);
    if (isIt) {
      field.setAttribute("aria-invalid", "true");
      field.focus();
    }
  }
}

form.elements.type.addEventListener("change", showPrices);
form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const order = orderOf();
  const empty = Object.keys(order).find((name) => order[name] === "");
  sayAtFields((name) => name === empty, word("live_needed"));
  if (empty) {
    return;
  }
  if (!(await isConfirmed(order))) {
    say(notice, "");
    return;
  }
  let refused = null;
  const made = await attempt({ control: form, notice }, async (more) => {
    try {
      return await call("POST", PATH, order, more);
    } catch (error) {
      refused = error;
      throw error;
    }
  });
  if (made) {
    say(notice, word("live_accepted"), "good");
    location.assign(`/live/orders/${made.id}`);
  } else if (refused instanceof Refused) {
    sayAtFields((name) => new RegExp(`\\b${name}\\b`).test(refused.message), refused.message);
    form.querySelector("[data-repeat]").hidden = refused.body.guard !== "duplicate";
  }
});
showPrices();
