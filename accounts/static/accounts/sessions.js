// Where a person is logged in, and the end of it.

import { call } from "./http.js";
import { attempt, loading, row, say, toLogIn } from "./ui.js";
import { word } from "./words.js";

const PATH = "/raxx/v1/sessions";

/** Show the list: those that live, and behind a fold those that have ended lately. */
export function sessions(section) {
  const notice = section.querySelector("[data-notice]");
  const template = section.querySelector("template[data-row]");
  const others = section.querySelector("[data-others]");
  const past = section.querySelector("[data-past]");

  const load = loading(section, async () => {
    const found = await call("GET", PATH);
    const living = found.filter((one) => one.status === "living");
    const ended = found.filter((one) => one.status === "ended");
    section.querySelector("[data-list]").replaceChildren(...living.map(rowOf));
    section.querySelector("[data-past-list]").replaceChildren(...ended.map(rowOf));
    others.hidden = living.length < 2;
    past.hidden = ended.length === 0;
  });

  function rowOf(one) {
    const isOver = one.status === "ended";
    const reason = isOver && one.end_reason ? word(`end_${one.end_reason}`) : "";
    const made = row(template, { ...one, is_over: isOver, end_reason: reason }, { address_prefix: "–" });
    const end = made.querySelector("[data-do=end]");
    end.hidden = isOver;
    end.setAttribute("aria-label", `${end.textContent}: ${one.device}`);
    end.addEventListener("click", async () => {
      const done = await attempt({ control: end, notice }, async (more) => {
        await call("DELETE", `${PATH}/${one.id}`, undefined, more);
        return true;
      });
      if (done && one.is_current) {
        toLogIn();
      } else if (done) {
        await after(word("session_ended"));
      }
    });
    return made;
  }

  const endOthers = section.querySelector("[data-end-others]");
  endOthers.addEventListener("click", async () => {
    const done = await attempt({ control: endOthers, notice }, async (more) => {
      await call("DELETE", PATH, undefined, more);
      return true;
    });
    if (done) {
      await after(word("sessions_ended"));
    }
  });

  async function after(text) {
    say(notice, text, "good");
    await load();
    section.querySelector("h2").focus();
  }
}
