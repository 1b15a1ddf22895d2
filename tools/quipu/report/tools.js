// What all parts of the page use.

/// The element of this id.
const byId = (id) => document.getElementById(id);

/// A new element. `content`: text, elements, or a list of them. Text is never read as HTML, because names in it come from
/// files.
function make(tag, attributes = {}, content = []) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes))
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value);
  element.append(...[content].flat());
  return element;
}

/// A table. Cells are texts or elements; those of columns from `numbers` on are numbers, which end at the right.
function makeTable(head, rows, numbers = head.length) {
  const row = (tag) => (cells) =>
    make("tr", {}, cells.map((cell, i) => make(tag, { class: i >= numbers ? "number" : null }, cell ?? "")));
  return make("div", { class: "scroll" }, make("table", {}, [
    make("thead", {}, row("th")(head)), make("tbody", {}, rows.map(row("td")))]));
}

/// 1536 is "1.5 KiB".
function binaryBytes(bytes) {
  const units = ["bytes", "KiB", "MiB", "GiB", "TiB", "PiB"];
  let unit = 0;
  for (; bytes >= 1024 && unit + 1 < units.length; ++unit) bytes /= 1024;
  return (unit ? bytes.toFixed(bytes < 10 ? 2 : 1) : String(bytes)) + " " + units[unit];
}

/// 1.2e9 is "1.20 G".
function decimal(number) {
  if (!number) return "0";
  const units = [[1e15, "P"], [1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"], [1, ""]];
  const [size, unit] = units.find(([size]) => number >= size) ?? [1, ""];
  return (number / size).toPrecision(3) + (unit && " " + unit);
}

const microseconds = (us) => us === null || us === undefined ? "" : us.toFixed(us < 100 ? 1 : 0);
const withoutDialect = (op) => op.slice(op.indexOf(".") + 1);
const lastWord = (place) => place.slice(place.lastIndexOf(".") + 1);
/// The layers of "layers.0-7.mlp" and "layers.*.mlp" as "layers.{}.mlp".
const foldedPlace = (place) => place.replace(/^(layers|.*\.layers)\.[\d,*-]+(?=\.|$)/, "$1.{}");
