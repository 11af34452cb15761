// The page's texts, in the page's language: the server has put them into a data block.

const words = JSON.parse(document.getElementById("words").textContent);

/** Return a text; names in braces are filled in from `values`. A text that is not there is a bug. */
export function word(name, values = {}) {
  if (!(name in words)) {
    throw new Error(`no such text: ${name}`);
  }
  return words[name].replace(/\{(\w+)\}/g, (_, key) => values[key]);
}
