// The webhooks of an account: list, make (the secret is shown once), test, pause, resume, delete.

import { ask, attempt, copy, fill, loading, row, say } from "../accounts/ui.js";
import { word } from "../accounts/words.js";
import { ask as askApi } from "./account_api.js";
import { attempts } from "./webhook_attempts.js";

const PATH = "/raxx/v1/webhooks";

const section = document.getElementById("webhooks");
const heading = section.querySelector("h2");
const notice = section.querySelector("[data-notice]");
const secret = section.querySelector("[data-secret]");
const fold = section.querySelector("[data-make]");
const form = section.querySelector("[data-form]");
const formNotice = section.querySelector("[data-form-notice]");
const template = section.querySelector("template[data-row]");
let shown = "";

const load = loading(section, async () => {
  const found = await askApi("GET", PATH);
  section.querySelector("[data-none]").hidden = found.length > 0;
  section.querySelector("[data-list]").replaceChildren(...found.map(rowOf));
  fold.open ||= found.length === 0;
});

function rowOf(hook) {
  const values = {
    ...hook,
    is_on: hook.enabled,
    is_off: !hook.enabled,
    failing: hook.failures ? word("hook_failing", hook) : "",
  };
  const made = row(template, values);
  const said = made.querySelector("[data-row-notice]");
  const button = (name) => made.querySelector(`[data-do=${name}]`);
  button("pause").hidden = button("test").hidden = !hook.enabled;
  button("resume").hidden = hook.enabled;
  const list = attempts(made, `${PATH}/${hook.id}`, said);

  /** Do one thing to this endpoint; `then` says what came of it. */
  const doing = (name, method, path, body, then) => {
    button(name).setAttribute("aria-label", `${button(name).textContent}: ${hook.url}`);
    button(name).addEventListener("click", async () => {
      const question = `hook_${name}`;
      if (name === "delete" || name === "rotate") {
        const title = button(name).textContent;
        if ((await ask({ title, text: word(question), yes: title, danger: name === "delete" })) === null) {
          return;
        }
      }
      const done = await attempt({ control: button(name), notice: said }, async (more) => ({
        body: await askApi(method, PATH + `/${hook.id}` + path, body, more),
      }));
      if (done) {
        await then(done.body);
      }
    });
  };
  const again = (text) => async () => {
    say(notice, text, "good");
    await load();
    heading.focus(); // its button is gone
  };
  doing("test", "POST", "/test", undefined, async () => {
    say(said, word("hook_tested"), "good");
    await list.open();
  });
  doing("pause", "PATCH", "", { enabled: false }, again(word("hook_paused")));
  doing("resume", "PATCH", "", { enabled: true }, again(word("hook_resumed")));
  doing("delete", "DELETE", "", undefined, again(word("hook_deleted")));
  doing("rotate", "POST", "/rotate", undefined, async (body) => {
    show(body.secret);
    await again(word("hook_rotated"))();
  });
  return made;
}

function show(text) {
  shown = text;
  fill(secret, { secret: text });
  secret.hidden = !text;
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const body = { url: form.elements.url.value.trim(), description: form.elements.description.value.trim() };
  form.elements.url.removeAttribute("aria-invalid");
  const made = await attempt({ control: form, notice: formNotice }, (more) =>
    askApi("POST", PATH, body, more),
  );
  if (made === undefined) {
    if (formNotice.classList.contains("bad")) {
      form.elements.url.setAttribute("aria-invalid", "true");
    }
    return;
  }
  show(made.secret);
  say(formNotice, "");
  say(notice, word("hook_made"), "good");
  form.reset();
  fold.open = false;
  await load();
  heading.focus();
});

secret.querySelector("[data-copy]").addEventListener("click", () => copy(shown, notice));
secret.querySelector("[data-done]").addEventListener("click", () => {
  show(""); // not even in the page any more
  say(notice, "");
  heading.focus();
});

document.getElementById("account")?.addEventListener("change", () => {
  document.getElementById("which").requestSubmit();
});
