// The guide beside a first ticket. It looks on, and says the next step when the one before is done; it fills in nothing.

const guide = document.getElementById("guide");
const form = document.getElementById("ticket");
const placed = document.getElementById("placed");
const confirm = document.getElementById("confirm");
const next = guide.querySelector("[data-next]");
const said = guide.querySelector("[data-said]");
const ORDER = ["side", "amount", "place", "done"];
const PLACES = {
  side: form.querySelector(".side"),
  amount: form.querySelector(".amount"),
  place: document.getElementById("review"),
};
let now = "side";

function highlight(name) {
  for (const place of Object.values(PLACES)) {
    place.classList.remove("guided");
  }
  PLACES[name]?.classList.add("guided");
}

function go(name) {
  if (ORDER.indexOf(name) <= ORDER.indexOf(now)) {
    return;
  }
  now = name;
  for (const step of guide.querySelectorAll("[data-step]")) {
    if (step.dataset.step === name) {
      step.setAttribute("aria-current", "step");
      said.textContent = step.textContent.trim();
    } else {
      step.removeAttribute("aria-current");
    }
  }
  next.hidden = !["side", "amount"].includes(name); // the last ones end with what is done in the ticket
  highlight(name);
}

next.addEventListener("click", () => {
  if (now === "side") {
    go("amount");
    form.elements.qty.focus();
  } else {
    go("place");
    PLACES.place.focus();
  }
});
form.addEventListener("change", ({ target }) => {
  if (target.name === "side") {
    go("amount");
  } else if (target.name === "qty" || target.name === "notional") {
    go(target.value.trim() ? "place" : "amount");
  }
});
form.elements.qty.addEventListener("focus", () => go("amount"));

// The confirmation lies over the guide, so it carries its step.
new MutationObserver(() => {
  if (confirm.open && guide.isConnected && !confirm.querySelector(".guide-note")) {
    go("place");
    const note = document.createElement("p");
    note.className = "guide-note";
    note.textContent = guide.querySelector("[data-step=place] span").textContent;
    confirm.querySelector("h2").after(note);
  }
}).observe(confirm, { attributes: true, attributeFilter: ["open"] });

new MutationObserver(() => {
  if (!placed.hidden) {
    go("done");
    end();
  }
}).observe(placed, { attributes: true, attributeFilter: ["hidden"] });

/** Forget the guide in the address: who comes back or reloads does not get it again. */
function end() {
  const here = new URL(location);
  here.searchParams.delete("guide");
  history.replaceState(null, "", here);
  confirm.querySelector(".guide-note")?.remove();
}

guide.querySelector("[data-dismiss]").addEventListener("click", () => {
  highlight("");
  end();
  guide.remove();
  form.elements.qty.focus();
});
highlight(now);
