// A person's own data: a copy of all of it, or its end.

import { call } from "./http.js";
import { ask, attempt, say } from "./ui.js";
import { word } from "./words.js";

/** Ask for an archive; its link comes by mail. */
export async function askForData(control, notice) {
  const asked = await attempt({ control, notice }, (more) =>
    call("POST", "/raxx/v1/privacy/export", undefined, more),
  );
  if (asked !== undefined) {
    say(notice, word("export_asked"), "good");
  }
}

/** Have a section's buttons do what they say. */
export function privacy(section) {
  const notice = section.querySelector("[data-notice]");
  const data = section.querySelector("[data-export]");
  const erase = section.querySelector("[data-erase]");
  data.addEventListener("click", () => askForData(data, notice));
  erase.addEventListener("click", async () => {
    const title = erase.textContent;
    if ((await ask({ title, text: word("erase_all"), yes: title, danger: true })) === null) {
      return;
    }
    const asked = await attempt({ control: erase, notice }, (more) =>
      call("POST", "/raxx/v1/privacy/erase", undefined, more),
    );
    if (asked !== undefined) {
      location.assign("/log-in");
    }
  });
}
