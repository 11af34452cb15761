// The kill switch, on every live page: one press closes it, and the passkey opens what one has closed oneself.

import { call } from "../accounts/http.js";
import { ask, attempt, say } from "../accounts/ui.js";
import { word } from "../accounts/words.js";
import { renew } from "../trading/polled.js";

const PATH = "/raxx/v1/live/kill-switch";
const place = document.getElementById("switch");
const notice = document.getElementById("switch-notice");

place.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-do]");
  if (button?.dataset.do === "close-switch") {
    await close(button);
  } else if (button?.dataset.do === "open-switch") {
    await open(button);
  }
});

async function close(button) {
  const closed = await attempt({ control: button, notice }, (more) => call("POST", PATH, undefined, more));
  if (closed) {
    const isKnown = closed.being_sent !== null;
    say(notice, word(isKnown ? "live_switch_closed" : "live_switch_closed_unsure", { count: closed.being_sent }), "warn");
    await shown();
  }
}

async function open(button) {
  const title = button.textContent;
  if ((await ask({ title, text: word("live_open"), yes: title })) === null) {
    return;
  }
  const opened = await attempt({ control: button, notice }, (more) => call("DELETE", PATH, undefined, more));
  if (opened) {
    say(notice, word("live_switch_opened"), "good");
    await shown();
  }
}

async function shown() {
  await renew(place);
  place.querySelector("h2").focus(); // the button is another one
}
