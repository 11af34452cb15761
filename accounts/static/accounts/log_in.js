// Log in by the button, or by what the browser offers in the field from the beginning.

import { call, Refused } from "./http.js";
import * as passkey from "./passkey.js";
import { attempt, explain, say } from "./ui.js";
import { word } from "./words.js";

const RENEWED_AT = 0.8; // of a challenge's life

const form = document.getElementById("log-in");
const notice = document.getElementById("notice");
let offer = null; // what ends the browser's offer: there is one request for a passkey at a time

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  offer?.abort();
  const done = await attempt({ control: form, notice, busy: word("show_passkey") }, async () => {
    const options = await call("POST", "/auth/log-in/begin", {});
    return enter(await passkey.get(options));
  });
  if (!done) {
    keepOffering();
  }
});

/** Offer passkeys in the field, with a challenge that is renewed before it is too old. */
async function keepOffering() {
  if (!(await passkey.canOffer())) {
    return;
  }
  offer = new AbortController();
  const { signal } = offer;
  while (!signal.aborted) {
    await visible();
    let credential;
    try {
      const options = await call("POST", "/auth/log-in/begin", {});
      const old = new AbortController();
      const timer = setTimeout(() => old.abort(), (options.timeout ?? 60_000) * RENEWED_AT);
      signal.addEventListener("abort", () => old.abort(), { once: true });
      try {
        credential = await passkey.get(options, { mediation: "conditional", signal: old.signal });
      } finally {
        clearTimeout(timer);
      }
      if (signal.aborted) {
        return;
      }
    } catch (error) {
      if (error instanceof passkey.NotShown && !signal.aborted) {
        if (error.reason === "not_shown") {
          continue; // grown old, or dismissed
        }
      }
      return; // nobody has asked for this: the button says what is wrong
    }
    try {
      await enter(credential);
      return;
    } catch (error) {
      explain(notice, error);
      if (!(error instanceof Refused) || error.status === 429) {
        return;
      }
    }
  }
}

async function enter(credential) {
  await call("POST", "/auth/log-in/complete", { credential });
  say(notice, word("signed_in"), "good");
  location.assign(form.dataset.next);
  return true;
}

function visible() {
  if (!document.hidden) {
    return Promise.resolve();
  }
  return new Promise((resolve) => {
    document.addEventListener("visibilitychange", resolve, { once: true });
  });
}

keepOffering();
