// The admin's forms that change something: the passkey is shown before they are sent, where it has to be.

import { call, stepUp } from "../accounts/http.js";
import { NotShown } from "../accounts/passkey.js";

const CEREMONY = { begin: "/auth/step-up/begin", complete: "/auth/step-up/complete" };
const MARGIN_MS = 30_000; // the form has to arrive before the passkey's yes grows old

async function isFresh() {
  const { session } = await call("GET", "/auth/session");
  const until = session.fresh_until;
  return until !== null && new Date(until) - Date.now() > MARGIN_MS;
}

for (const form of document.querySelectorAll("form[data-step-up]")) {
  const notice = form.querySelector("[data-not-shown]");
  let isBusy = false; // pressed twice is sent once
  addEventListener("pageshow", () => {
    isBusy = false; // back again, by the browser's history
  });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (isBusy) {
      return;
    }
    isBusy = true;
    notice.hidden = true;
    try {
      if (!(await isFresh())) {
        await stepUp(CEREMONY);
      }
    } catch (error) {
      isBusy = false;
      notice.hidden = false;
      if (error instanceof NotShown) {
        return;
      }
      throw error;
    }
    form.submit(); // raises no event again; the browser has judged the fields before this one
  });
}
