// The way to live: connect, disconnect, the limits, and the account that is judged.

import { call } from "../accounts/http.js";
import { ask, attempt, say } from "../accounts/ui.js";
import { word } from "../accounts/words.js";

const LIVE = "/raxx/v1/live";

document.querySelector("[data-do=connect]")?.addEventListener("click", async (event) => {
  const notice = document.getElementById("connect-notice");
  const control = event.currentTarget;
  const way = await attempt({ control, notice }, (more) => call("GET", `${LIVE}/connect`, undefined, more));
  if (way) {
    say(notice, word("live_leaving"));
    location.assign(way.authorize_url);
  }
});

document.querySelector("[data-do=disconnect]")?.addEventListener("click", async (event) => {
  const control = event.currentTarget;
  const notice = document.getElementById("disconnect-notice");
  const title = control.textContent;
  if ((await ask({ title, text: word("live_disconnect"), yes: title, danger: true })) === null) {
    return;
  }
  const ended = await attempt({ control, notice }, (more) =>
    call("DELETE", `${LIVE}/connection`, undefined, more),
  );
  if (ended) {
    say(notice, word("live_disconnected"), "good");
    location.reload();
  }
});

const limits = document.getElementById("limits-form");
limits?.addEventListener("submit", async (event) => {
  event.preventDefault();
  const notice = document.getElementById("limits-notice");
  const fields = [...limits.querySelectorAll("input")];
  const body = {};
  for (const field of fields) {
    field.removeAttribute("aria-invalid");
    if (field.value.trim() !== field.defaultValue) {
      const text = field.value.trim();
      // Counts are numbers on the wire; what is none goes as it is, for the API to refuse in words.
      body[field.name] = field.inputMode === "numeric" && /^\d+$/.test(text) ? Number(text) : text;
    }
  }
  const set = await attempt({ control: limits, notice }, (more) => call("PUT", `${LIVE}/limits`, body, more));
  if (set === undefined) {
    for (const field of fields) {
      if (notice.textContent.toLowerCase().includes(field.name)) {
        field.setAttribute("aria-invalid", "true");
      }
    }
    return;
  }
  for (const field of fields) {
    field.value = field.defaultValue = String(set.own[field.name]);
  }
  say(notice, word("live_limits_set"), "good");
});

const nominate = document.getElementById("nominate-form");
nominate?.addEventListener("submit", async (event) => {
  event.preventDefault();
  const notice = document.getElementById("nominate-notice");
  const title = nominate.querySelector("button").textContent;
  if ((await ask({ title, text: word("live_name"), yes: title })) === null) {
    return;
  }
  const account = nominate.elements.account_id.value;
  const named = await attempt({ control: nominate, notice }, (more) =>
    call("PUT", `${LIVE}/gate/accounts/${account}`, undefined, more),
  );
  if (named) {
    say(notice, word("live_named"), "good");
    location.reload();
  }
});
