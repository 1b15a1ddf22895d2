// The panel at the side: all about one op, kernel, weight or field.

const details = byId("details");

function heading(text) { return make("h3", {}, text); }

function showDetails(title, content) {
  details.replaceChildren(make("h2", {}, title), ...content.flat().filter(Boolean));
  details.scrollTop = 0;
}

function fieldList(names) {
  if (!names.length) return [];
  return [heading("From the config"), make("ul", { class: "fields" }, names.map((name) =>
    make("li", {}, make("code", {}, fields.get(name)?.text ?? name))))];
}

function weightList(names) {
  if (!names.length) return [];
  return [heading("Weights"), makeTable(["name", "shape", "type", "bytes"], names.map((name) => {
    const weight = weights.get(name);
    const link = make("button", { class: "link", onclick: () => showWeight(name) }, name);
    return weight ? [link, weight.shape.join("x"), weight.dtype, binaryBytes(weight.bytes)] : [link];
  }), 3)];
}

function code(text) { return make("pre", { tabindex: 0 }, text); }

/// Decisions of each pass. Candidates of a choice stand below each other.
function decisionList(decisions) {
  if (!decisions.length) return [];
  const content = [heading("Why")];
  let pass = null, list = null;
  for (const decision of decisions) {
    if (decision.pass !== pass) {
      pass = decision.pass;
      list = make("ul", { class: "why" });
      content.push(make("h4", {}, pass), list);
    }
    const layers = decision.layers ? ` (${decision.layers})` : "";
    list.append(make("li", { class: decision.verdict }, decision.verdict
      ? [make("b", {}, decision.verdict), ` ${decision.candidate}: ${decision.text}${layers}`] : decision.text + layers));
  }
  return content;
}

function costTable(name) {
  const costs = costsOf(name), measured = measuredOf(name), content = [];
  if (costs.length)
    content.push(heading("Cost"), makeTable(["step", "launches", "bytes", "FLOP", "FLOP/byte", "bound", "µs at best"],
      costs.map((cost) => [cost.step, cost.count, decimal(cost.bytes), decimal(cost.flops), cost.intensity.toFixed(2),
                           cost.bound ?? "", microseconds(cost.us)]), 1));
  if (measured.length)
    content.push(heading("Measured (" + data.profile.name + ")"), makeTable(
      ["entry", "place", "launches", "µs", "GB/s", "lost µs"], measured.map((step) =>
        [step.name, step.place, step.count, microseconds(step.us_median), step.GBps?.toFixed(1),
         microseconds(step.lost_us)]), 2));
  return content;
}

const formNames = { asm: "Machine code", sass: "Machine code, SASS", ptx: "PTX" };

/// The machine code. Lines of the op `number` of the planned module are marked.
function assembly(kernel, number = 0) {
  const listing = data.listings.kernels[kernel.name];
  if (!listing)
    return [heading("Machine code"), make("p", { class: "note" }, data.listings.problem ?? "There is none in this report.")];
  const box = make("pre", { class: "assembly", tabindex: 0 }, "…");
  const title = heading(`${formNames[listing.form]} (${listing.lines} lines)`);
  // PTX stands in the place of machine code that could not be listed.
  const note = listing.form === "ptx" && data.listings.problem ? [make("p", { class: "note" }, data.listings.problem)] : [];
  const ops = new Map(kernel.ops.map((op) => [op.line, op]));
  listingOf(kernel.name).then((code) => {
    box.replaceChildren();
    for (const line of code?.lines ?? []) {
      const op = ops.get(line.number);
      box.append(make("span", { class: number && line.number === number ? "marked" : null,
                                title: op ? op.text : null }, line.text + "\n"));
    }
    if (listing.shown < listing.lines)
      box.append(`… ${listing.lines - listing.shown} more lines: quipu inspect … --kernel ${kernel.name} --as ${listing.form}\n`);
    // Only the box moves: the panel still begins with what was chosen.
    const first = box.querySelector(".marked");
    if (first) box.scrollTop = first.offsetTop - box.offsetTop - box.clientHeight / 3;
  }).catch((error) => box.replaceChildren(`This browser cannot uncompress it: ${error.message}`));
  return [title, ...note, box];
}

function kernelLinks(list) {
  if (!list.length) return [];
  return [heading("In kernels"), make("p", {}, list.map((kernel) =>
    make("button", { class: "link", onclick: () => showKernel(kernel.name) }, kernel.name)))];
}

function showKernel(name, op = null) {
  const kernel = kernels.get(name);
  if (!kernel) return;
  const own = op ? kernel.ops.find((each) => each.op === op.op && each.place === op.place) : null;
  showDetails(own ? `${withoutDialect(own.op)} in ${name}` : `kernel ${name}`, [
    make("p", { class: "note" }, "runs at " + kernel.places.join(", ")),
    fieldList(own ? own.configs : kernel.configs),
    weightList(own ? own.weights : kernel.weights),
    heading("IR"), code(own ? own.text : kernel.ops.map((each) => each.text).join("\n")),
    heading("Schedule"), code(kernel.schedule || "none"),
    own ? kernelLinks([kernel]) : [],
    costTable(name),
    decisionList(kernel.decisions.map((number) => data.decisions[number])),
    assembly(kernel, own?.line),
  ]);
}

/// An op of a phase that stands in no kernel, or that launches one.
function showOp(op) {
  if (op.kernel && kernels.has(op.kernel)) return showKernel(op.kernel);
  const origin = originOf(op);
  showDetails(op.place || withoutDialect(op.op), [
    make("p", { class: "note" }, op.op),
    fieldList(origin.configs), weightList(origin.weights),
    heading("IR"), code(op.text),
    kernelLinks(origin.kernels),
    origin.kernels.length ? costTable(origin.kernels[0].name) : [],
    decisionList(decisionsAbout(op.place, origin.weights)),
  ]);
}

function showWeight(name) {
  const weight = weights.get(name);
  showDetails(`weight ${name}`, [
    weight ? makeTable(["", ""], [["layers", weight.layers || "none"], ["shape", weight.shape.join(" x ")],
      ["type", weight.dtype], ["bytes, of all layers", binaryBytes(weight.bytes)], ["transform", weight.transform],
      ["from", weight.from.join(", ")]]) : make("p", {}, "A weight that passes joined of others, or took apart."),
    kernelLinks(data.kernels.filter((kernel) => kernel.weights.includes(name))),
    decisionList(decisionsAbout(name, [name])),
  ]);
}

function showField(name) {
  showDetails(`field ${name}`, [
    fieldList([name]),
    kernelLinks(data.kernels.filter((kernel) => kernel.configs.includes(name))),
  ]);
}
