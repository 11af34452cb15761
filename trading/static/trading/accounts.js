// All accounts of a person: open another, rename, begin again, close. The list is the server's part.

import { call } from "../accounts/http.js";
import { ask, attempt, explain, say, toLogIn } from "../accounts/ui.js";
import { word } from "../accounts/words.js";
import { ending } from "./ending.js";
import { ABOUT_ACCOUNTS, atFields, clear, plainNumber } from "./fields.js";

const PATH = "/raxx/v1/accounts";
const LOOK_AGAIN_MS = 2000; // while an account waits for its orders to end

const list = document.getElementById("list");
const notice = document.getElementById("notice");
const heading = document.getElementById("yours-title");
const form = document.getElementById("open");
let timer = 0;

async function renew() {
  clearTimeout(timer);
  const answer = await fetch("?part=list", { headers: { "HX-Request": "true" }, cache: "no-store" });
  if (answer.redirected) {
    toLogIn();
    return;
  }
  if (answer.ok) {
    list.innerHTML = await answer.text();
  }
  settle();
}

/** What the list says of room for another, and whether an account in it is on its way to another state. */
function settle() {
  const told = list.querySelector("[data-room]");
  const hasRoom = told.dataset.room !== "0";
  form.hidden = !hasRoom;
  document.querySelector("[data-full]").hidden = hasRoom;
  if (told.dataset.waiting) {
    timer = setTimeout(() => renew().catch((error) => explain(notice, error)), LOOK_AGAIN_MS);
  }
}

async function finished(text) {
  await renew();
  say(notice, text, "good");
  heading.focus();
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  clear(form);
  const place = form.querySelector("[data-notice]");
  const given = new FormData(form);
  const body = {
    name: given.get("name").trim(),
    cash: plainNumber(given.get("cash")),
    profile: given.get("profile"),
    multiplier: Number(given.get("multiplier")),
    ...(given.has("market") ? { market: given.get("market") } : {}),
  };
  let failed = null;
  const account = await attempt({ control: form, notice: place }, () =>
    call("POST", PATH, body).catch((error) => {
      failed = error;
      return undefined;
    }),
  );
  if (failed) {
    atFields(form, place, failed, ABOUT_ACCOUNTS);
    return;
  }
  say(place, "");
  form.reset();
  await finished(word("opened", { number: account.account_number }));
});

const doing = {
  async rename({ account, name }, button) {
    const wanted = await ask({ title: word("rename_title"), yes: word("rename_yes"), name });
    if (wanted === null) {
      return;
    }
    const done = await attempt({ control: button, notice }, () => call("PATCH", `${PATH}/${account}`, { name: wanted }));
    if (done) {
      await finished(word("renamed", { name: done.name || done.account_number }));
    }
  },
  async reset({ account, number, name, generation }) {
    const done = await ending("reset", { number, name }, (more, { cash }) => {
      const body = { generation: Number(generation), ...(cash ? { cash: plainNumber(cash) } : {}) };
      return call("POST", `${PATH}/${account}/reset`, body, more);
    });
    if (done) {
      const waits = done.status === "resetting";
      await finished(word(waits ? "reset_waits" : "reset_done", { number, generation: done.generation }));
    }
  },
  async archive({ account, number, name }) {
    const done = await ending("archive", { number, name }, (more) =>
      call("POST", `${PATH}/${account}/archive`, undefined, more),
    );
    if (done) {
      await finished(word(done.status === "closed" ? "archived" : "archive_waits", { number }));
    }
  },
};

list.addEventListener("click", (event) => {
  const button = event.target.closest("[data-do]");
  if (button) {
    doing[button.dataset.do](button.closest("[data-account]").dataset, button);
  }
});
settle();
