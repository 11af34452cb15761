// The list of first steps is hidden for good when somebody says so.

import { call } from "../accounts/http.js";
import { attempt } from "../accounts/ui.js";

const place = document.getElementById("first-steps");

place.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-dismiss-steps]");
  if (!button) {
    return;
  }
  const notice = place.querySelector("[data-steps-notice]");
  const done = await attempt({ control: button, notice }, () =>
    call("PUT", "/raxx/v1/first-steps", { is_dismissed: true }),
  );
  if (done) {
    place.replaceChildren();
    document.getElementById("main").focus();
  }
});
