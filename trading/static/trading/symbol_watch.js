// Put the symbol on the account's oldest watchlist, or take it off; without a list the first one is made.

import { attempt, say } from "../accounts/ui.js";
import { word } from "../accounts/words.js";
import { ask } from "./account_api.js";

export function watchButton(watch, unwatch) {
  const notice = document.getElementById("watch-notice");
  const { symbol } = document.getElementById("quote").dataset;

  function show(isWatched) {
    watch.hidden = isWatched;
    unwatch.hidden = !isWatched;
    (isWatched ? unwatch : watch).focus();
    say(notice, word(isWatched ? "watched" : "unwatched"));
  }

  watch.addEventListener("click", () =>
    attempt({ control: watch, notice }, async () => {
      const { list } = watch.dataset;
      const made = list
        ? await ask("POST", `/v2/watchlists/${list}`, { symbol })
        : await ask("POST", "/v2/watchlists", { name: word("watchlist_name"), symbols: [symbol] });
      watch.dataset.list = unwatch.dataset.list = made.id;
      show(true);
    }),
  );
  unwatch.addEventListener("click", () =>
    attempt({ control: unwatch, notice }, async () => {
      await ask("DELETE", `/v2/watchlists/${unwatch.dataset.list}/${encodeURIComponent(symbol)}`);
      show(false);
    }),
  );
}
