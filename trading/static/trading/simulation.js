// Which simulation profile new orders get. The part is loaded anew afterwards, and with it the form.

import { attempt, say } from "../accounts/ui.js";
import { word } from "../accounts/words.js";
import { ask } from "./account_api.js";

const place = document.getElementById("profiles");
let told = "";

place.addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = event.target;
  const notice = form.querySelector("[data-notice]");
  const chosen = form.querySelector("input[name=profile]:checked");
  if (!chosen) {
    form.querySelector("input[name=profile]")?.focus();
    return;
  }
  const done = await attempt({ control: form, notice }, (more) =>
    ask("PATCH", "/raxx/v1/account/profile", { name: chosen.value }, more),
  );
  if (done) {
    told = word("profile_chosen", { name: chosen.dataset.title });
    document.body.dispatchEvent(new CustomEvent("raxx:profile"));
  }
});

place.addEventListener("htmx:afterSettle", () => {
  if (told) {
    say(place.querySelector("[data-notice]"), told, "good");
    place.querySelector("button[type=submit]")?.focus();
    told = "";
  }
});
