// A person's passkeys: list, add, rename, remove.

import { call } from "./http.js";
import * as passkey from "./passkey.js";
import { ask, attempt, loading, row, say } from "./ui.js";
import { word } from "./words.js";

const PATH = "/raxx/v1/passkeys";

/** Have a section's form add a passkey; `added` is called after it was. */
export function adding(section, added = () => {}) {
  const form = section.querySelector("form[data-add]");
  const notice = section.querySelector("[data-notice]");
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const name = form.elements.name.value.trim();
    const made = await attempt({ control: form, notice, busy: word("show_passkey") }, async (more) => {
      const options = await call("POST", `${PATH}/begin`, {}, more);
      const credential = await passkey.create(options);
      return call("POST", `${PATH}/complete`, { credential, name }, more);
    });
    if (made !== undefined) {
      say(notice, word("passkey_added", made), "good");
      form.reset();
      await added(made);
    }
  });
}

/** Show the list, with what can be done to each. */
export function passkeys(section) {
  const notice = section.querySelector("[data-notice]");
  const list = section.querySelector("[data-list]");
  const template = section.querySelector("template[data-row]");
  const heading = section.querySelector("h2");

  const load = loading(section, async () => {
    const found = await call("GET", PATH);
    const isSingle = found.filter((one) => one.is_on).length === 1;
    section.querySelector("[data-single]").hidden = !isSingle;
    list.replaceChildren(...found.map((one) => rowOf(one, one.is_on && isSingle)));
  });

  function rowOf(one, isLast) {
    const made = row(template, { ...one, is_off: !one.is_on }, { last_used_at: word("never") });
    const rename = made.querySelector("[data-do=rename]");
    const remove = made.querySelector("[data-do=remove]");
    for (const button of [rename, remove]) {
      button.setAttribute("aria-label", `${button.textContent}: ${one.name}`);
    }
    remove.hidden = isLast;
    rename.addEventListener("click", async () => {
      const name = await ask({ title: rename.textContent, yes: rename.textContent, name: one.name });
      if (name) {
        const change = (more) => call("PATCH", `${PATH}/${one.id}`, { name }, more);
        const renamed = await attempt({ control: rename, notice }, change);
        await after(renamed !== undefined, word("passkey_renamed", { name }));
      }
    });
    remove.addEventListener("click", async () => {
      const title = `${remove.textContent}: ${one.name}`;
      const text = word(one.is_current ? "remove_current" : "remove_passkey");
      if ((await ask({ title, text, yes: remove.textContent })) !== null) {
        const change = async (more) => {
          await call("DELETE", `${PATH}/${one.id}`, undefined, more);
          return true;
        };
        const removed = await attempt({ control: remove, notice }, change);
        await after(removed !== undefined, word("passkey_removed", one));
      }
    });
    return made;
  }

  async function after(isDone, text) {
    if (isDone) {
      say(notice, text, "good");
      await load();
      heading.focus(); // its button is gone
    }
  }

  adding(section, load);
}
