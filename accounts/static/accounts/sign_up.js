import { call } from "./http.js";
import { attempt, say } from "./ui.js";

const form = document.getElementById("address");
const notice = document.getElementById("notice");
const asking = document.getElementById("ask");
const sent = document.getElementById("sent");

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const email = form.elements.email.value.trim();
  const answer = await attempt({ control: form, notice }, () => call("POST", "/auth/sign-up", { email }));
  if (answer === undefined) {
    form.elements.email.focus();
    return;
  }
  say(notice, "");
  document.getElementById("sent-to").textContent = email;
  asking.hidden = true;
  sent.hidden = false;
  sent.querySelector("h1").focus();
});

document.getElementById("again").addEventListener("click", () => {
  sent.hidden = true;
  asking.hidden = false;
  form.elements.email.select();
});
