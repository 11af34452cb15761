// The search box of the frame: suggestions under it while one types. Arrows choose, Enter goes there, Escape closes.

const TYPED_MS = 180; // after the last key

const box = document.getElementById("find");
const list = document.getElementById("find-list");
let typed = null;
let asked = 0; // the newest question; the answers of older ones are let go
let chosen = -1;

const options = () => [...list.querySelectorAll("[role=option]:not([aria-disabled])")];

function close() {
  asked += 1;
  chosen = -1;
  list.hidden = true;
  box.setAttribute("aria-expanded", "false");
  box.removeAttribute("aria-activedescendant");
}

function choose(place) {
  const all = options();
  chosen = all.length ? (place + all.length) % all.length : -1;
  all.forEach((option, index) => option.setAttribute("aria-selected", String(index === chosen)));
  if (chosen >= 0) {
    box.setAttribute("aria-activedescendant", all[chosen].id);
    all[chosen].scrollIntoView({ block: "nearest" });
  }
}

async function suggest() {
  const question = ++asked;
  const text = box.value.trim();
  if (!text) {
    close();
    return;
  }
  const path = `${box.form.getAttribute("action")}?part=suggestions&q=${encodeURIComponent(text)}`;
  let answer;
  try {
    answer = await fetch(path, { headers: { "HX-Request": "true" }, redirect: "error" });
  } catch {
    return; // without suggestions the box still searches
  }
  if (question !== asked || !answer.ok) {
    return;
  }
  const found = new DOMParser().parseFromString(await answer.text(), "text/html");
  if (question !== asked) {
    return;
  }
  list.replaceChildren(...found.body.children);
  chosen = -1;
  box.removeAttribute("aria-activedescendant");
  list.hidden = !list.children.length;
  box.setAttribute("aria-expanded", String(!list.hidden));
}

box.addEventListener("input", () => {
  clearTimeout(typed);
  typed = setTimeout(suggest, TYPED_MS);
});
box.addEventListener("keydown", (event) => {
  if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    event.preventDefault();
    if (list.hidden) {
      suggest();
    } else {
      choose(event.key === "ArrowDown" ? chosen + 1 : chosen < 0 ? -1 : chosen - 1);
    }
  } else if (event.key === "Escape" && !list.hidden) {
    event.preventDefault();
    close();
  } else if (event.key === "Enter" && !list.hidden && chosen >= 0) {
    event.preventDefault();
    location.assign(options()[chosen].dataset.href);
  }
});
box.addEventListener("blur", close);
list.addEventListener("pointerdown", (event) => event.preventDefault()); // the box keeps the focus
list.addEventListener("click", (event) => {
  const option = event.target.closest("[data-href]");
  if (option) {
    location.assign(option.dataset.href);
  }
});
