// The market's figures on the first page: asked for while somebody looks, put into cells that stay where they are.

const EVERY_MS = 2000;
const SLOWER_MS = 15000; // after a failure

const demo = document.querySelector(".demo");
const clock = demo.querySelector("[data-clock]");
const session = demo.querySelector("[data-session]");
const stale = demo.querySelector("[data-stale]");
const shown = new Map([...demo.querySelectorAll("[data-symbol]")].map((row) => [row.dataset.symbol, row]));
let timer = 0;

function put(row, name, text) {
  const cell = row.querySelector(`[data-${name}]`);
  if (cell.textContent === text) {
    return;
  }
  if (name === "last") {
    const [before, after] = [cell.textContent, text].map((figure) => Number(figure.replaceAll(",", "")));
    cell.classList.toggle("rose", after > before);
    cell.classList.toggle("fell", after < before);
  }
  cell.textContent = text;
}

async function look() {
  let next = EVERY_MS;
  try {
    const answer = await fetch("?part=market", { headers: { Accept: "application/json" }, cache: "no-store" });
    const market = answer.ok ? await answer.json() : null;
    if (!market) {
      throw new Error("no market");
    }
    clock.dateTime = market.at;
    clock.textContent = market.clock;
    session.textContent = market.session;
    for (const quote of market.quotes) {
      const row = shown.get(quote.symbol);
      if (row) {
        ["bid", "ask", "last"].forEach((name) => put(row, name, quote[name]));
      }
    }
    stale.hidden = true;
    demo.classList.remove("stale");
  } catch {
    stale.hidden = false;
    demo.classList.add("stale");
    next = SLOWER_MS;
  }
  timer = document.hidden ? 0 : setTimeout(look, next);
}

document.addEventListener("visibilitychange", () => {
  if (!document.hidden && !timer) {
    look();
  }
});
timer = setTimeout(look, EVERY_MS);
