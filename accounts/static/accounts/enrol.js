// The first passkey: with a mailed link's token, or in a session that may do nothing else.

import { call } from "./http.js";
import * as passkey from "./passkey.js";
import { attempt, say } from "./ui.js";
import { word } from "./words.js";

const form = document.getElementById("enrol");
const notice = document.getElementById("notice");
const isFirst = ["sign_up", "invitation"].includes(form.dataset.purpose);

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const name = form.elements.name.value.trim();
  const done = await attempt({ control: form, notice, busy: word("show_passkey") }, async () => {
    const options = await call("POST", "/auth/enrol/begin", { token: form.dataset.token });
    const credential = await passkey.create(options);
    return call("POST", "/auth/enrol/complete", { credential, name });
  });
  if (done !== undefined) {
    say(notice, word("signed_in"), "good");
    location.replace(isFirst ? "/welcome" : "/security"); // the link is spent: nobody needs to come back to it
  }
});
