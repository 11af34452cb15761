// Recovery codes: how many are left, and new ones, which are shown once.

import { call } from "./http.js";
import { attempt, copy, explain, fill, say } from "./ui.js";
import { word } from "./words.js";

const PATH = "/raxx/v1/recovery-codes";

/** Show a section's codes. */
export function codes(section) {
  const notice = section.querySelector("[data-notice]");
  const left = section.querySelector("[data-left]");
  const none = section.querySelector("[data-none]");
  const secret = section.querySelector("[data-secret]");
  const list = section.querySelector("[data-codes]");
  const make = section.querySelector("[data-make]");

  async function load() {
    try {
      const kept = await call("GET", PATH);
      fill(left, kept);
      left.hidden = !kept.left;
      none.hidden = kept.left > 0;
    } catch (error) {
      explain(notice, error);
    }
  }

  make.addEventListener("click", async () => {
    const made = await attempt({ control: make, notice }, (more) => call("POST", PATH, {}, more));
    if (made !== undefined) {
      const items = made.codes.map((code) => {
        const item = document.createElement("li");
        item.textContent = code;
        return item;
      });
      list.replaceChildren(...items);
      secret.hidden = false;
      make.hidden = true;
      say(notice, word("codes_made"), "good");
      await load();
    }
  });
  section.querySelector("[data-copy]").addEventListener("click", () => {
    copy([...list.children].map((item) => item.textContent).join("\n"), notice);
  });
  section.querySelector("[data-done]").addEventListener("click", () => {
    list.replaceChildren(); // not even in the page any more
    secret.hidden = true;
    make.hidden = false;
    say(notice, "");
    section.querySelector("h2").focus();
  });

  load();
}
