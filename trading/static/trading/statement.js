// A statement is printed by the browser.

const button = document.getElementById("print");
button.hidden = false;
button.addEventListener("click", () => window.print());
