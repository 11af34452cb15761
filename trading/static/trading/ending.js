// What cannot be taken back is confirmed by typing the account's number.

import { attempt, say } from "../accounts/ui.js";
import { word } from "../accounts/words.js";
import { ABOUT_ACCOUNTS, atFields, clear } from "./fields.js";

const dialog = document.getElementById("ending");
const form = dialog.querySelector("form");
const notice = document.getElementById("ending-notice");
const yes = dialog.querySelector("[data-yes]");
let number = "";
let act = null;
let answered = null;

function isTyped() {
  return form.elements.typed.value.trim().toUpperCase() === number.toUpperCase();
}

form.addEventListener("input", () => {
  yes.disabled = !isTyped();
});
dialog.querySelector("[data-no]").addEventListener("click", () => dialog.close());

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  if (!isTyped()) {
    return; // Enter in a field, before the number stands there
  }
  clear(form);
  let failed = null;
  const given = Object.fromEntries(new FormData(form));
  const done = await attempt({ control: form, notice }, (more) =>
    act(more, given).catch((error) => {
      failed = error;
      return undefined;
    }),
  );
  if (failed) {
    atFields(form, notice, failed, ABOUT_ACCOUNTS);
  } else if (done !== undefined) {
    answered = done;
    dialog.close();
  }
});

/** Ask for `what` ("reset" or "archive") of an account; return what `action` returns, null when it was not wanted. */
export async function ending(what, account, action) {
  number = account.number;
  act = action;
  answered = null;
  for (const place of dialog.querySelectorAll("[data-of]")) {
    place.hidden = place.dataset.of !== what;
  }
  form.reset();
  clear(form);
  say(notice, "");
  yes.disabled = true;
  dialog.querySelector("[data-which]").textContent = [account.name, number].filter(Boolean).join(" · ");
  dialog.querySelector("[data-typed-label]").textContent = word("type_number", { number });
  dialog.showModal();
  form.elements.typed.focus();
  await new Promise((resolve) => {
    dialog.addEventListener("close", resolve, { once: true });
  });
  return answered;
}
