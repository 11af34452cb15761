// What pages do with their elements: say something, be busy, fill in rows, ask.

import { Refused, Unreachable } from "./http.js";
import { NotShown } from "./passkey.js";
import { word } from "./words.js";

const countdowns = new WeakMap(); // of a notice: the timer that writes it

/** Say something in a notice: `kind` is "", "good", "warn" or "bad". An empty text takes it away. */
export function say(notice, text, kind = "") {
  clearInterval(countdowns.get(notice));
  notice.setAttribute("role", kind === "bad" ? "alert" : "status");
  notice.removeAttribute("aria-live");
  notice.classList.remove("good", "warn", "bad");
  if (kind) {
    notice.classList.add(kind);
  }
  notice.textContent = text;
}

/**
 * Do something that a person asked for: `control` is busy meanwhile, and `notice` says what comes of it.
 *
 * Returns what `action` does, or undefined when it failed. A session that has ended leads to the log-in.
 */
export async function attempt({ control, notice, busy = word("working") }, action) {
  if (control.getAttribute("aria-busy") === "true") {
    return undefined;
  }
  control.setAttribute("aria-busy", "true");
  const buttons = control.matches("form") ? [...control.querySelectorAll("button")] : [control];
  const hadFocus = buttons.find((button) => button === document.activeElement);
  for (const button of buttons) {
    button.disabled = true;
  }
  say(notice, busy);
  try {
    return await action({ onStepUp: () => say(notice, word("show_passkey")) });
  } catch (error) {
    explain(notice, error);
    return undefined;
  } finally {
    control.removeAttribute("aria-busy");
    for (const button of buttons) {
      button.disabled = false;
    }
    if (hadFocus?.isConnected && document.activeElement === document.body) {
      hadFocus.focus(); // a disabled button has lost it
    }
  }
}

/** Say what went wrong: the fact, then what to do. What nobody has foreseen is thrown on, after that. */
export function explain(notice, error) {
  if (error instanceof NotShown) {
    say(notice, word(error.reason), "warn");
  } else if (error instanceof Unreachable) {
    say(notice, word("offline"), "bad");
  } else if (error instanceof Refused && error.isSignedOut) {
    say(notice, word("signed_out"), "bad");
    toLogIn();
  } else if (error instanceof Refused && error.status === 429) {
    countDown(notice, error.retryAfter ?? error.body.retry_after ?? 1);
  } else if (error instanceof Refused && error.status < 500) {
    say(notice, sentence(error.message), "bad");
  } else {
    say(notice, word("broken", { id: error.body?.request_id ?? "–" }), "bad");
    if (!(error instanceof Refused)) {
      throw error;
    }
  }
}

/** Go to the log-in, and back here afterwards. */
export function toLogIn() {
  const here = location.pathname + location.search;
  location.assign(`/log-in?next=${encodeURIComponent(here)}`);
}

function countDown(notice, seconds) {
  let left = Math.ceil(seconds);
  say(notice, word("slow_down", { seconds: left }), "warn");
  const timer = setInterval(() => {
    left -= 1;
    notice.setAttribute("aria-live", "off"); // read out at its beginning and its end, not each second
    if (left > 0) {
      notice.textContent = word("slow_down", { seconds: left });
    } else {
      say(notice, word("slow_over"), "good");
    }
  }, 1000);
  countdowns.set(notice, timer);
}

function sentence(text) {
  const whole = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(whole) ? whole : `${whole}.`;
}

/** Return an instant as the reader's language and zone have it, or `otherwise` where there is none. */
export function when(instant, otherwise = "") {
  if (!instant) {
    return otherwise;
  }
  return new Date(instant).toLocaleString(document.documentElement.lang, {
    dateStyle: "medium",
    timeStyle: "short",
  });
}

/**
 * Return a copy of a template's element, filled in: `data-field` by name, `data-if` kept where true.
 *
 * A field that is a `time` gets an instant; null there means what `otherwise` says for its name.
 */
export function row(template, values, otherwise = {}) {
  const made = template.content.firstElementChild.cloneNode(true);
  fill(made, values, otherwise);
  return made;
}

export function fill(element, values, otherwise = {}) {
  for (const place of element.querySelectorAll("[data-field]")) {
    const name = place.dataset.field;
    const value = values[name];
    if (place.localName === "time") {
      place.textContent = when(value, otherwise[name]);
      if (value) {
        place.dateTime = value;
      }
    } else {
      place.textContent = value ?? otherwise[name] ?? "";
    }
  }
  for (const place of element.querySelectorAll("[data-if]")) {
    if (!values[place.dataset.if]) {
      place.remove();
    }
  }
}

/** Ask by the page's dialog; return the name that was typed ("" where none is asked for), null for no. */
export async function ask({ title, text = "", yes, name, danger = false }) {
  const dialog = document.getElementById("ask");
  const field = dialog.querySelector("[data-name-field]");
  const input = field.querySelector("input");
  const button = dialog.querySelector("[data-yes]");
  dialog.querySelector("[data-title]").textContent = title;
  dialog.querySelector("[data-text]").textContent = text;
  dialog.querySelector("[data-text]").hidden = !text;
  button.textContent = yes;
  button.classList.toggle("danger", danger);
  field.hidden = name === undefined;
  input.required = name !== undefined;
  input.value = name ?? "";
  dialog.returnValue = "no"; // what Escape leaves
  dialog.showModal();
  if (name !== undefined) {
    input.select();
  }
  await new Promise((resolve) => {
    dialog.addEventListener("close", resolve, { once: true });
  });
  return dialog.returnValue === "yes" ? input.value.trim() : null;
}

/** Put a text into the clipboard, and say so. */
export async function copy(text, notice) {
  try {
    await navigator.clipboard.writeText(text);
    say(notice, word("copied"), "good");
  } catch {
    say(notice, word("not_copied"), "warn");
  }
}

/**
 * Have a section load what it shows: a grey place meanwhile, and a button for another try when it failed.
 *
 * Returns a function that loads again, quietly.
 */
export function loading(section, load) {
  const notice = section.querySelector("[data-notice]");
  const place = section.querySelector("[data-loading]");
  const failed = section.querySelector("[data-failed]");
  const run = async () => {
    failed.hidden = true;
    try {
      await load();
    } catch (error) {
      failed.hidden = false;
      explain(notice, error);
      return;
    } finally {
      place.hidden = true;
    }
  };
  section.querySelector("[data-retry]").addEventListener("click", () => {
    say(notice, "");
    place.hidden = false;
    run();
  });
  run();
  return run;
}
