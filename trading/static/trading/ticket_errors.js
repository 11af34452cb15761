// Errors at the field that they belong to. The words are the API's; which field they are about, this table says.

import { word } from "../accounts/words.js";

const FIELDS = [
  [/take_profit|take-profit/, "tp_limit"],
  [/stop_loss\.limit_price/, "sl_limit"],
  [/stop_loss|stop-loss/, "sl_stop"],
  [/client_order_id/, "client_order_id"],
  [/trail/, "trail"],
  [/extended hours/, "extended_hours"],
  [/time_in_force|\bDAY\b|auction|cut-off/, "time_in_force"],
  [/stop price|stop_price/, "stop_price"],
  [/limit price|limit_price|use a limit order/, "limit_price"],
  [/buying power|insufficient qty|cost basis|\bqty\b|fraction|quantity|whole shares/, "amount"],
  [/notional/, "amount"],
  [/\b(?:oco|oto|bracket) orders|order_class|simple orders/, "order_class"],
  [/order type|orders are not supported|orders require/, "type"],
  [/short|opposite side|long buy|wash trade|position intent|exits? only|close positions/, "side"],
];

/** Return the field that a refusal is about, null for none. */
export function fieldOf(form, message) {
  const name = FIELDS.find(([pattern]) => pattern.test(message))?.[1];
  if (name === "amount") {
    return form.elements.unit.value;
  }
  return name ?? null;
}

/** Return a refusal in words: the API's, or a plainer sentence where its figures are told. */
export function wordsOf(message, { buying_power: power, cost_basis: cost } = {}) {
  if (/insufficient buying power/.test(message) && power && cost) {
    return word("power_missing", { buying_power: power, cost_basis: cost });
  }
  const whole = message.charAt(0).toUpperCase() + message.slice(1);
  return /[.!?]$/.test(whole) ? whole : `${whole}.`;
}

/** Take all errors off the fields. */
export function clearErrors(form) {
  for (const place of form.querySelectorAll(".error")) {
    place.textContent = "";
  }
  for (const control of form.querySelectorAll("[aria-invalid]")) {
    control.removeAttribute("aria-invalid");
  }
}

/** Put an error at a field, and the focus there if told; return whether the field is to be seen. `id` begins the place's. */
export function putError(form, name, text, { focus = true, id = "" } = {}) {
  const place = form.querySelector(`#${id}${name}-error`);
  const found = name ? form.elements[name] : null;
  const control = found instanceof RadioNodeList ? form.querySelector(`[name="${name}"]:checked`) : found;
  if (!place || !control || control.closest("[hidden]")) {
    return false;
  }
  place.textContent = text;
  control.setAttribute("aria-invalid", "true");
  const fold = control.closest("details");
  if (fold) {
    fold.open = true;
  }
  if (focus) {
    control.focus();
  }
  return true;
}
