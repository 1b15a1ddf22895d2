// One field that finds ops, kernels, weights, fields of the config and phases.

const searchable = (() => {
  const items = [], places = new Map();
  const add = (kind, name, text, show) => items.push({ kind, name, words: `${kind} ${name} ${text}`.toLowerCase(), show });
  for (const kernel of data.kernels)
    add("kernel", kernel.name, `${kernel.places.join(" ")} ${kernel.schedule}`, () => goToKernel(kernel.name));
  // The latest phase that has an op of a place and name shows it.
  for (const phase of data.graphs.phases)
    for (const part of partsOf(phase, "function"))
      for (const op of opsOf(part))
        if (op.place) places.set(`${op.op} ${op.place}`, { phase, part, op });
  for (const { phase, part, op } of places.values())
    add("op", op.kernel ? op.place : `${op.place} (${withoutDialect(op.op)})`, op.text, () => goToOp(phase, part, op));
  for (const weight of weights.values()) add("weight", weight.name, weight.from.join(" "), () => showWeight(weight.name));
  for (const field of data.fields) add("field", field.name, field.text, () => showField(field.name));
  for (const phase of data.graphs.phases) add("phase", phase.name, "", () => { showTab("graph"); choosePhase(phase.name); });
  return items;
})();

const mostFound = 40;

function goToOp(phase, part, op) {
  showTab("graph");
  choosePhase(phase.name);
  chooseFunction(part.name);
  focusNode((d) => d.op === op || d.kernel === op);
  showOp(op);
}

function goToKernel(name) {
  const phase = data.graphs.phases[data.graphs.phases.length - 1];
  const part = partsOf(phase, "function").find((each) => opsOf(each).some((op) => op.kernel === name));
  if (part) goToOp(phase, part, opsOf(part).find((op) => op.kernel === name));
  else showKernel(name);
}

function find(text) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  if (!words.length) return [];
  const found = searchable.filter((item) => words.every((word) => item.words.includes(word)));
  const rank = (item) => words.every((word) => item.name.toLowerCase().includes(word)) ? 0 : 1;
  return found.sort((a, b) => rank(a) - rank(b)).slice(0, mostFound);
}

function startSearch() {
  const input = byId("search"), list = byId("results");
  let found = [], current = 0;
  const close = () => { list.hidden = true; input.setAttribute("aria-expanded", "false"); };
  const mark = () => {
    [...list.children].forEach((child, i) => child.setAttribute("aria-selected", String(i === current)));
    list.children[current]?.scrollIntoView({ block: "nearest" });
    input.setAttribute("aria-activedescendant", found.length ? `found-${current}` : "");
  };
  const open = (item) => { close(); item.show(); };
  input.addEventListener("input", () => {
    found = find(input.value);
    current = 0;
    list.replaceChildren(...(found.length || !input.value.trim() ? found.map((item, i) =>
      make("li", { role: "option", id: `found-${i}`, onclick: () => open(item) },
        [make("span", { class: "kind" }, item.kind), item.name]))
      : [make("li", { class: "note" }, "nothing has this name")]));
    list.hidden = !input.value.trim();
    input.setAttribute("aria-expanded", String(!list.hidden));
    mark();
  });
  input.addEventListener("keydown", (event) => {
    if (event.key === "Escape") close();
    else if (event.key === "Enter" && found[current]) open(found[current]);
    else if (event.key === "ArrowDown" && found.length) current = (current + 1) % found.length;
    else if (event.key === "ArrowUp" && found.length) current = (current + found.length - 1) % found.length;
    else return;
    event.preventDefault();
    if (event.key.startsWith("Arrow")) mark();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName)) return;
    event.preventDefault();
    input.focus();
    input.select();
  });
}
