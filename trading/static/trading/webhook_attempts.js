// What became of an endpoint's messages: each attempt, newest first, and to send them again from one on.

import { ask, attempt, explain, row, say } from "../accounts/ui.js";
import { word } from "../accounts/words.js";
import { ask as askApi } from "./account_api.js";

const PAGE = 20;

/** Have a webhook's row show its attempts when its fold is opened; `open` opens it, and looks again. */
export function attempts(made, path, notice) {
  const fold = made.querySelector("[data-attempts]");
  const table = fold.querySelector("table");
  const body = table.querySelector("tbody");
  const older = fold.querySelector("[data-do=older]");
  const refresh = fold.querySelector("[data-do=refresh]");
  const template = document.querySelector("template[data-attempt-row]");
  let last = null;

  async function load(before) {
    const query = before ? `&before=${before}` : "";
    const found = await askApi("GET", `${path}/deliveries?limit=${PAGE}${query}`);
    const rows = found.map(rowOf);
    if (before) {
      body.append(...rows);
    } else {
      body.replaceChildren(...rows);
    }
    last = found.at(-1)?.id ?? last;
    older.hidden = found.length < PAGE;
    table.hidden = body.childElementCount === 0;
    fold.querySelector("[data-no-attempt]").hidden = !table.hidden;
  }

  function rowOf(one) {
    const values = {
      at: one.at,
      message: one.sequence === null ? word("hook_test_message") : word("hook_event", one),
      attempt: one.attempt > 1 ? word("hook_attempt", one) : "",
      outcome: one.delivered ? word("hook_delivered") : one.error,
      answer: one.delivered
        ? word("hook_answered", { status: one.status_code, ms: one.duration_ms })
        : word("hook_after", { ms: one.duration_ms }), // the error says the status, or why there is none
    };
    const line = row(template, values);
    line.querySelector(".outcome").classList.toggle("failed", !one.delivered);
    const replay = line.querySelector("[data-do=replay]");
    replay.hidden = one.sequence === null || !one.delivered; // what failed is sent again anyway
    replay.setAttribute("aria-label", `${replay.textContent}: ${values.message}`);
    replay.addEventListener("click", async () => {
      const question = { title: replay.textContent, text: word("hook_replay", one), yes: replay.textContent };
      if ((await ask(question)) === null) {
        return;
      }
      const moved = await attempt({ control: replay, notice }, (more) =>
        askApi("POST", `${path}/replay`, { from_sequence: one.sequence }, more),
      );
      if (moved !== undefined) {
        say(notice, word("hook_replayed", { sequence: one.sequence, count: moved.replays }), "good");
      }
    });
    return line;
  }

  async function look(before) {
    try {
      await load(before);
    } catch (error) {
      explain(notice, error);
    }
  }

  fold.addEventListener("toggle", () => fold.open && look());
  refresh.addEventListener("click", () => look());
  older.addEventListener("click", () => look(last));
  return {
    open: async () => {
      if (fold.open) {
        await look();
      } else {
        fold.open = true; // which looks
      }
    },
  };
}
