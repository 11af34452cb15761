// The admin's forms that change something: the passkey says yes to the form as it stands, and then it is sent.

import { stepUp } from "../accounts/http.js";
import { NotShown } from "../accounts/passkey.js";

const ASKING = { "Raxx-Step-Up": "ask", Accept: "application/json" };
const UNAUTHORIZED = 401;

/** Ask what the passkey has to say yes to, which does nothing else; null where the server does not want one. */
async function wanted(form) {
  const answer = await fetch(form.action, {
    method: "POST",
    headers: ASKING,
    body: new FormData(form),
    credentials: "same-origin",
    cache: "no-store",
    redirect: "manual", // to the log-in, if anywhere: that is for the browser to follow
  });
  return answer.status === UNAUTHORIZED ? answer.json() : null;
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
      const asked = await wanted(form);
      if (asked !== null) {
        await stepUp(asked);
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
