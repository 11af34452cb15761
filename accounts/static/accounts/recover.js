import { call } from "./http.js";
import { attempt } from "./ui.js";

const form = document.getElementById("recover");
const notice = document.getElementById("notice");

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const { email, code } = form.elements;
  const body = { email: email.value.trim(), code: code.value.trim() };
  const answer = await attempt({ control: form, notice }, () => call("POST", "/auth/recover", body));
  if (answer !== undefined) {
    location.assign("/enrol");
  }
});
