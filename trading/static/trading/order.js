// The page of one order: cancel it, change it, copy its id. What comes of it, the page's parts tell.

import { Refused } from "../accounts/http.js";
import { ask, attempt, copy, say } from "../accounts/ui.js";
import { word } from "../accounts/words.js";
import { ask as askApi } from "./account_api.js";

const said = document.getElementById("said");

document.getElementById("copy-id").addEventListener("click", () => {
  copy(document.getElementById("order-id").textContent, said);
});

const actions = document.getElementById("actions");
if (actions) {
  const form = document.getElementById("change");
  const path = `/v2/orders/${actions.dataset.order}`;

  document.getElementById("cancel").addEventListener("click", async (event) => {
    const control = event.currentTarget;
    const answer = await ask({
      title: word("cancel_title"),
      text: word("cancel_text"),
      yes: word("cancel_yes"),
      danger: true,
    });
    if (answer === null) {
      return;
    }
    await attempt({ control, notice: said }, async ({ onStepUp }) => {
      await askApi("DELETE", path, undefined, { onStepUp });
      say(said, word("cancel_asked"), "good");
      reload();
    });
  });

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    clear(form);
    const changed = [...form.elements].filter((field) => field.name && field.value.trim() !== field.defaultValue);
    if (!changed.length) {
      say(said, word("nothing_changed"), "warn");
      return;
    }
    const body = Object.fromEntries(changed.map((field) => [field.name, field.value.trim()]));
    attempt({ control: form, notice: said }, async ({ onStepUp }) => {
      try {
        const successor = await askApi("PATCH", path, body, { onStepUp });
        say(said, word("replaced"), "good");
        location.assign(`${actions.dataset.orders}/${successor.id}`);
      } catch (error) {
        tellAtField(form, error);
        throw error;
      }
    });
  });

  // What can no longer be changed offers no change.
  document.body.addEventListener("htmx:afterSwap", () => {
    actions.hidden = !document.querySelector("#order-story [data-changeable]");
  });
}

/** Have the page's parts read again what the server knows. */
function reload() {
  document.body.dispatchEvent(new CustomEvent("raxx:orders"));
}

function clear(form) {
  for (const field of form.querySelectorAll("[aria-invalid]")) {
    field.removeAttribute("aria-invalid");
  }
  for (const fault of form.querySelectorAll(".fault")) {
    fault.hidden = true;
  }
}

/** Show a refusal at the field that it names, as well as where all of them are shown. */
function tellAtField(form, error) {
  if (!(error instanceof Refused)) {
    return;
  }
  const named = (field) => new RegExp(`\\b${field.name}\\b|\\b${field.name.replace("_", " ")}\\b`).test(error.message);
  const field = [...form.elements].find((one) => one.name && named(one));
  if (field) {
    field.setAttribute("aria-invalid", "true");
    const fault = document.getElementById(`${field.id}-fault`);
    fault.textContent = error.message;
    fault.hidden = false;
    field.focus();
  }
}
