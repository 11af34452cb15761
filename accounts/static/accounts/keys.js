// API keys of each account: list, make (the secret is shown once), revoke. And a first account to make them for.

import { call } from "./http.js";
import { ask, attempt, copy, fill, loading, row, say } from "./ui.js";
import { word } from "./words.js";

const PATH = "/raxx/v1/keys";
const ACCOUNTS = "/raxx/v1/accounts";

/** Show the keys by account. */
export function keys(section) {
  const notice = section.querySelector("[data-notice]");
  const form = section.querySelector("[data-form]");
  const formNotice = section.querySelector("[data-form-notice]");
  const fold = section.querySelector("[data-make]");
  const secret = section.querySelector("[data-secret]");
  const accountTemplate = section.querySelector("template[data-account]");
  const rowTemplate = section.querySelector("template[data-row]");
  const heading = section.querySelector("h2");
  let shown = {};

  const load = loading(section, async () => {
    const [accounts, found] = await Promise.all([call("GET", ACCOUNTS), call("GET", PATH)]);
    section.querySelector("[data-no-account]").hidden = accounts.length > 0;
    fold.hidden = accounts.length === 0;
    section.querySelector("[data-accounts]").replaceChildren(
      ...accounts.map((account) =>
        groupOf(
          account,
          found.filter((key) => key.account_id === account.id),
        ),
      ),
    );
    const chosen = form.elements.account_id.value;
    form.elements.account_id.replaceChildren(
      ...accounts.map((account) => new Option(`${titleOf(account)} ${account.account_number}`, account.id)),
    );
    if (chosen) {
      form.elements.account_id.value = chosen;
    }
  });

  function titleOf(account) {
    return account.name || word("account_unnamed");
  }

  function groupOf(account, found) {
    const group = row(accountTemplate, { title: titleOf(account), number: account.account_number });
    group.querySelector("[data-empty]").hidden = found.length > 0;
    group.querySelector("[data-list]").replaceChildren(...found.map(rowOf));
    return group;
  }

  function rowOf(key) {
    const values = {
      ...key,
      is_over: isOver(key),
      scopes: key.scopes.map((scope) => word(`scope_${scope}`)).join(", "),
      addresses: key.addresses.join(", ") || word("everywhere"),
    };
    const made = row(rowTemplate, values, { expires_at: word("no_end"), last_used_at: word("never") });
    const revoke = made.querySelector("[data-do=revoke]");
    revoke.hidden = values.is_over;
    revoke.setAttribute("aria-label", `${revoke.textContent}: ${key.name || key.key_id}`);
    revoke.addEventListener("click", async () => {
      const title = `${revoke.textContent}: ${key.name || key.key_id}`;
      if ((await ask({ title, text: word("revoke_key"), yes: revoke.textContent })) === null) {
        return;
      }
      const done = await attempt({ control: revoke, notice }, async (more) => {
        await call("DELETE", `${PATH}/${key.key_id}`, undefined, more);
        return true;
      });
      if (done) {
        say(notice, word("key_revoked", { id: key.key_id }), "good");
        await load();
        heading.focus();
      }
    });
    return made;
  }

  function isOver(key) {
    return Boolean(key.revoked_at) || (key.expires_at && new Date(key.expires_at) <= new Date());
  }

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const given = new FormData(form);
    const body = {
      account_id: given.get("account_id"),
      name: given.get("name").trim(),
      scopes: given.getAll("scopes"),
      addresses: given.get("addresses").split(/[\s,]+/).filter(Boolean),
    };
    if (given.get("expires_in_days")) {
      body.expires_in_days = Number(given.get("expires_in_days"));
    }
    const made = await attempt({ control: form, notice: formNotice }, (more) => call("POST", PATH, body, more));
    if (made === undefined) {
      return;
    }
    shown = { base_url: location.origin, key_id: made.key_id, secret: made.secret };
    shown.program = word(made.scopes.includes("trade") ? "program_trades" : "program_reads", shown);
    fill(secret, shown);
    secret.hidden = false;
    say(formNotice, "");
    say(notice, word("key_made"), "good");
    form.reset();
    fold.open = false;
    await load();
    heading.focus();
  });

  for (const button of secret.querySelectorAll("[data-copy]")) {
    button.addEventListener("click", () => copy(shown[button.dataset.copy], notice));
  }
  secret.querySelector("[data-done]").addEventListener("click", () => {
    shown = {};
    fill(secret, shown); // not even in the page any more
    secret.hidden = true;
    say(notice, "");
    heading.focus();
  });

  const open = section.querySelector("[data-open]");
  open.addEventListener("click", async () => {
    const account = await attempt({ control: open, notice }, (more) => call("POST", ACCOUNTS, {}, more));
    if (account !== undefined) {
      say(notice, word("account_opened", { number: account.account_number }), "good");
      await load();
      heading.focus();
    }
  });
}
