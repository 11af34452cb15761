// Refusals of the API at the fields that they are about: by what the message names.

import { Refused } from "../accounts/http.js";
import { explain, say } from "../accounts/ui.js";

/** Take away what stands at a form's fields. */
export function clear(form) {
  for (const place of form.querySelectorAll("[data-error]")) {
    place.textContent = "";
  }
  for (const field of form.querySelectorAll("[aria-invalid]")) {
    field.removeAttribute("aria-invalid");
  }
}

/**
 * Say at a field what was wrong with it, and go there; what is about no field is said in `notice`.
 *
 * `about` are pairs of a pattern of the message and a field's name, the first that fits decides.
 */
export function atFields(form, notice, error, about) {
  const message = error instanceof Refused && error.status < 500 ? error.message : "";
  const [, name] = about.find(([pattern]) => message && pattern.test(message)) ?? [];
  const place = name && form.querySelector(`[data-error="${name}"]`);
  if (!place) {
    explain(notice, error);
    return;
  }
  say(notice, "");
  const whole = message.charAt(0).toUpperCase() + message.slice(1);
  place.textContent = /[.!?]$/.test(whole) ? whole : `${whole}.`;
  const field = form.elements[name];
  field.setAttribute("aria-invalid", "true");
  const fold = field.closest("details");
  if (fold) {
    fold.open = true;
  }
  field.focus();
}

/** What the API says of a new account, a reset, or a change of one. */
export const ABOUT_ACCOUNTS = [
  [/cash/i, "cash"],
  [/simulation profile/i, "profile"],
  [/the name has/i, "name"],
  [/market/i, "market"],
];

/** A number as somebody types it, for the API: without blanks and thousands' commas. */
export function plainNumber(text) {
  return text.replace(/[\s,$]/g, "");
}
