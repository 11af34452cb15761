// Before somebody is erased: keep everything after all, by the session or by the mailed link, or ask for the data.

import { call } from "./http.js";
import { attempt } from "./ui.js";
import { askForData } from "./privacy.js";

const notice = document.getElementById("notice");
const keep = document.getElementById("keep");
const data = document.getElementById("export");

keep.addEventListener("click", async () => {
  const { token } = keep.dataset;
  const kept = await attempt({ control: keep, notice }, async () => {
    if (token) {
      await call("POST", "/auth/keep", { token });
      return "/log-in";
    }
    await call("POST", "/raxx/v1/privacy/erase/cancel");
    return "/security";
  });
  if (kept !== undefined) {
    location.assign(kept);
  }
});

data?.addEventListener("click", () => askForData(data, notice));
