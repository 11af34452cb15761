// The hand on a tape's clock. The part is loaded anew after each control; while it plays, its clock is live.js's.

import { ask, attempt, say } from "../accounts/ui.js";
import { word } from "../accounts/words.js";
import { ask as askApi } from "./account_api.js";
import { localize, newYorkTime } from "./desk.js";

const PATH = "/raxx/v1/market/tape";
const place = document.getElementById("tape");
let told = "";
let focusOn = "";

function tape() {
  return place.querySelector(".tape");
}

async function control(button, verb, body, busy) {
  const notice = place.querySelector("[data-notice]");
  const stands = await attempt({ control: button, notice, busy }, (more) =>
    askApi("POST", `${PATH}/${verb}`, body, more),
  );
  if (stands) {
    document.body.dispatchEvent(new CustomEvent("raxx:tape"));
  }
  return stands;
}

async function goTo(button, instant) {
  focusOn = button.dataset.step ? `[data-step="${button.dataset.step}"]` : "#tape-time";
  const stands = await control(button, "advance", { to: instant }, word("tape_advancing"));
  if (stands) {
    told = word("tape_moved", { at: newYorkTime(new Date(stands.now)) });
  }
}

const verbs = {
  play: (button) => control(button, "play"),
  pause: (button) => control(button, "pause"),
  async restart(button) {
    const sure = await ask({
      title: word("restart_title"),
      text: word("restart_text"),
      yes: word("restart_yes"),
      danger: true,
    });
    if (sure === null) {
      return;
    }
    const stands = await control(button, "restart", undefined, word("tape_restarting"));
    if (stands) {
      told = word("tape_restarted", { run: stands.run });
    }
  },
};

place.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (button?.dataset.tape) {
    focusOn = "[data-tape]";
    verbs[button.dataset.tape](button);
  } else if (button?.dataset.step) {
    const at = new Date(tape().dataset.now).getTime() + Number(button.dataset.step) * 1000;
    goTo(button, new Date(at).toISOString());
  } else if (button?.dataset.to) {
    goTo(button, button.dataset.to);
  }
});

place.addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = event.target;
  const button = form.querySelector("button");
  if ("speedForm" in form.dataset) {
    const { value } = form.elements.speed;
    focusOn = "#tape-speed";
    if (await control(button, "speed", { speed: value })) {
      told = word("set_speed");
    }
    return;
  }
  const [hours, minutes, seconds = 0] = form.elements.time.value.split(":").map(Number);
  if (minutes === undefined) {
    say(place.querySelector("[data-notice]"), word("no_instant"), "warn");
    form.elements.time.focus();
    return;
  }
  // From New York's midnight: its clock changes on Sundays, of which no tape has any.
  const at = new Date(form.elements.day.value).getTime() + ((hours * 60 + minutes) * 60 + seconds) * 1000;
  goTo(button, new Date(at).toISOString());
});

place.addEventListener("htmx:afterSettle", () => {
  localize();
  if (told) {
    say(place.querySelector("[data-notice]"), told, "good");
    told = "";
  }
  if (focusOn && document.activeElement === document.body) {
    place.querySelector(focusOn)?.focus();
  }
  focusOn = "";
});

// Somebody else may move it, too.
document.body.addEventListener("raxx:market", ({ detail }) => {
  const shown = tape();
  const clock = shown.querySelector("[data-tape-clock] time");
  clock.dateTime = detail.at;
  clock.textContent = newYorkTime(new Date(detail.at));
  shown.dataset.now = detail.at;
  if (Boolean(detail.paused) !== Boolean(shown.dataset.paused) && !place.querySelector("[aria-busy=true]")) {
    document.body.dispatchEvent(new CustomEvent("raxx:tape"));
  }
});
