// One live order: cancel it, or replace it by one with other terms. Each asks for the passkey, for that alone.

import { call } from "../accounts/http.js";
import { ask, attempt, say } from "../accounts/ui.js";
import { word } from "../accounts/words.js";
import { renew } from "../trading/polled.js";

const life = document.getElementById("life");
const notice = document.getElementById("order-notice");
const path = `/raxx/v1/live/orders/${life.dataset.order}`;

life.addEventListener("click", async (event) => {
  const control = event.target.closest("[data-do=cancel]");
  if (!control) {
    return;
  }
  const title = control.textContent;
  if ((await ask({ title, text: word("live_cancel"), yes: title, danger: true })) === null) {
    return;
  }
  const made = await attempt({ control, notice }, (more) => call("DELETE", path, undefined, more));
  if (made) {
    say(notice, word("live_accepted"), "good");
    await renew(life);
  }
});

// It can be replaced as soon as it works at the broker, and no longer than that.
const fold = document.getElementById("replace");
life.addEventListener("raxx:renewed", () => {
  if (fold) {
    fold.hidden = !life.querySelector("[data-replaceable]");
  }
});

const form = document.getElementById("replace-form");
form?.addEventListener("submit", async (event) => {
  event.preventDefault();
  const given = [...new FormData(form)].map(([name, value]) => [name, value.trim()]).filter(([, value]) => value);
  const made = await attempt({ control: form, notice: form.querySelector("[data-notice]") }, (more) =>
    call("PATCH", path, Object.fromEntries(given), more),
  );
  if (made) {
    location.assign(`/live/orders/${made.id}`);
  }
});
