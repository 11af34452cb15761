// The market's bar: its session, and its clock, which goes on by itself between two words of the server.

import { newYorkTime, ownTime } from "./desk.js";

const bar = document.getElementById("market");
const session = bar.querySelector("[data-session]");
const clock = bar.querySelector("[data-clock] time");
const own = bar.querySelector("[data-own]");
const tape = bar.querySelector("[data-tape]");
let told = null; // the market as it was told, and when that was

function put(place, text) {
  if (place.textContent !== text) {
    place.textContent = text;
  }
}

function tick() {
  if (told === null || document.hidden || document.body.classList.contains("lost")) {
    return;
  }
  const passed = (performance.now() - told.heard) * told.speed;
  const now = new Date(told.at + passed);
  put(clock, newYorkTime(now));
  clock.dateTime = now.toISOString();
  put(own, ownTime(now));
}

document.body.addEventListener("raxx:market", ({ detail }) => {
  const isStill = detail.is_tape && (detail.paused || detail.speed === ""); // as fast as it can: only as it is told
  const speed = isStill ? 0 : detail.is_tape ? Number(detail.speed) : 1;
  told = { at: Date.parse(detail.at), speed, heard: performance.now() };
  put(session, bar.dataset[`word${detail.session[0].toUpperCase()}${detail.session.slice(1)}`]);
  session.classList.toggle("open", detail.is_open);
  session.classList.toggle("shut", !detail.is_open);
  if (tape !== null) {
    put(tape, detail.paused ? bar.dataset.wordPaused : bar.dataset.wordPlaying);
  }
  tick();
});
setInterval(tick, 1000);
document.addEventListener("visibilitychange", tick);
