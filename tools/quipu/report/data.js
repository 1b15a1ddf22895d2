// The data of the report, and what is found in it by names. docs/report.md says where it comes from.

const data = JSON.parse(byId("data").textContent);
const kernels = new Map(data.kernels.map((kernel) => [kernel.name, kernel]));
const fields = new Map(data.fields.map((field) => [field.name, field]));
const weights = new Map();
for (const weight of data.weights) if (!weights.has(weight.name)) weights.set(weight.name, weight);

/// The parts of a phase, by kind.
function partsOf(phase, kind) {
  return phase.parts.map((number) => data.graphs.parts[number]).filter((part) => part.kind === kind);
}

/// The kernels of a phase by name.
function kernelParts(phase) {
  return new Map(partsOf(phase, "kernel").map((part) => [part.name, part]));
}

const opsOf = (part) => part.groups.flatMap((group) => group.ops);

/// Where an op comes from and which kernels it became part of. An op of an early phase is found by its place, or by the
/// weights that it reads.
function originOf(op) {
  const configs = new Set(), names = new Set(op.weights ?? []), within = [];
  const add = (entry) => {
    entry.configs.forEach((name) => configs.add(name));
    entry.weights.forEach((name) => names.add(name));
  };
  for (const entry of data.origins) if (entry.place === op.place) add(entry);
  const last = lastWord(op.place);
  for (const kernel of data.kernels) {
    const isWhole = kernel.name === op.kernel;
    const found = kernel.ops.filter((each) => each.op !== "llama.yield" &&
      (each.place === op.place || (each.place === last && each.op === op.op) ||
       (op.weights ?? []).some((weight) => each.weights.includes(weight))));
    if (isWhole) add(kernel);
    if (!op.kernel) found.forEach(add);
    if (isWhole || (!op.kernel && (found.length || kernel.places.includes(op.place)))) within.push(kernel);
  }
  return { configs: [...configs], weights: [...names], kernels: within };
}

/// What was decided about a place or its weights, by passes before there were kernels.
function decisionsAbout(place, names) {
  return data.decisions.filter((decision) => !decision.kernel &&
    decision.names.some((name) => name === place || names.includes(name)));
}

/// The costs of a kernel in the steps of the report, and what was measured.
function costsOf(name) {
  const costs = [];
  for (const step of data.costs)
    for (const cost of step.kernels) if (cost.name === name) costs.push({ step: step.test, ...cost });
  return costs;
}
const measuredOf = (name) => (data.profile?.steps ?? []).filter((step) => step.kernel === name || step.name === name);

/// The machine code of a kernel as lines {number, text}. They are compressed in the page.
async function listingOf(name) {
  const listing = data.listings.kernels[name];
  if (!listing || !listing.text) return null;
  const bytes = Uint8Array.from(atob(listing.text), (c) => c.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  const text = await new Response(stream).text();
  const lines = text.split("\n").slice(0, -1).map((line) => {
    const tab = line.indexOf("\t");
    return { number: Number(line.slice(0, tab)), text: line.slice(tab + 1) };
  });
  return { lines, all: listing.lines };
}
