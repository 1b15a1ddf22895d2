// The arena of a program over its steps, and the weights.

/// Three to eight values that are whole in KiB or MiB.
function binaryTicks(most) {
  const step = 2 ** Math.max(0, Math.floor(Math.log2(most || 1)) - 2);
  return d3.range(0, most + 1, step);
}

function drawArena(program) {
  const margin = { left: 90, right: 12, top: 12, bottom: 110 }, height = 420;
  const step = Math.max(26, Math.min(80, 900 / program.steps.length));
  const width = margin.left + margin.right + step * program.steps.length;
  const x = (number) => margin.left + number * step;
  const y = d3.scaleLinear().domain([0, program.arena_bytes || 1]).range([height - margin.bottom, margin.top]);
  const svg = d3.create("svg").attr("viewBox", `0 0 ${width} ${height}`).attr("width", width).attr("height", height)
    .attr("role", "img").attr("aria-label", `Arena of ${program.name}: ${binaryBytes(program.arena_bytes)}`);
  svg.append("g").attr("class", "axis").attr("transform", `translate(${margin.left},0)`)
    .call(d3.axisLeft(y).tickValues(binaryTicks(program.arena_bytes)).tickFormat(binaryBytes));
  // Steps that all layers repeat stand on a ground of their own.
  svg.append("g").selectAll("rect").data(program.steps.map((each, i) => ({ ...each, i })).filter((each) => each.repeat > 1))
    .enter().append("rect").attr("class", "repeated").attr("x", (d) => x(d.i)).attr("y", margin.top).attr("width", step)
    .attr("height", height - margin.bottom - margin.top);
  const names = svg.append("g").selectAll("text").data(program.steps).enter().append("text").attr("class", "step")
    .attr("transform", (d, i) => `translate(${x(i) + step / 2},${height - margin.bottom + 8}) rotate(50)`)
    .text((d) => lastWord(d.name) + (d.repeat > 1 ? ` ×${d.repeat}` : ""));
  names.append("title").text((d) => `${d.name} at ${d.place}, ${binaryBytes(d.live_bytes)} live`);
  const pieces = program.values.flatMap((value, i) => [
    { value, i, from: value.first, to: value.last },
    ...(value.carried_from === null ? [] : [{ value, i, from: value.carried_from, to: value.carried_to }])]);
  const bars = svg.append("g").selectAll("g").data(pieces).enter().append("g").attr("class", "value")
    .classed("workspace", (d) => d.value.workspace).attr("tabindex", 0).attr("role", "button")
    .attr("aria-label", (d) => valueText(d.value));
  bars.append("rect").attr("x", (d) => x(d.from) + 1).attr("width", (d) => (d.to - d.from + 1) * step - 2)
    .attr("y", (d) => y(d.value.offset + d.value.bytes)).attr("height", (d) => Math.max(1, y(d.value.offset) - y(d.value.offset + d.value.bytes)))
    .attr("class", (d) => `shade${d.i % 6}`);
  bars.append("title").text((d) => valueText(d.value));
  bars.filter((d) => y(d.value.offset) - y(d.value.offset + d.value.bytes) > 13 && (d.to - d.from + 1) * step > 60)
    .append("text").attr("x", (d) => x(d.from) + 5).attr("y", (d) => y(d.value.offset + d.value.bytes) + 12)
    .text((d) => lastWord(d.value.name).slice(0, Math.floor((d.to - d.from + 1) * step / 7.5)));
  const show = (d) => kernels.has(d.value.name) ? showKernel(d.value.name) : null;
  bars.on("click", show).on("keydown", (d) => { if (d3.event.key === "Enter") show(d); });
  return svg.node();
}

function valueText(value) {
  return `${value.name}${value.workspace ? ", workspace" : ""}: ${binaryBytes(value.bytes)} at ${value.offset}, steps ` +
    `${value.first + 1} to ${value.last + 1}` + (value.carried_from === null ? "" : ", and into the next layer");
}

const rowsText = (rows) => rows === 1 ? "1 row" : `up to ${rows} rows`;
const programTitle = (program) => `${program.name} (${rowsText(program.rows)})`;

/// What is said of a program's arena, and its picture.
function arenaOf(program) {
  return [
    make("p", {}, `For ${rowsText(program.rows)} of tokens the arena has ${binaryBytes(program.arena_bytes)}; at most ` +
      `${binaryBytes(program.peak_bytes)} live at once, at step ${program.peak_step + 1}. Columns are steps, the vertical axis is the ` +
      `offset in the arena; steps on a grey ground are those that all layers repeat.`),
    make("div", { class: "scroll" }, drawArena(program))];
}

const chooseProgram = (number) => byId("arena").replaceChildren(...arenaOf(data.memory.programs[number]));

function startMemory() {
  const programs = data.memory.programs;
  byId("program").replaceChildren(...programs.map((program, i) =>
    make("option", { value: i }, programTitle(program))));
  byId("program").addEventListener("change", (event) => chooseProgram(Number(event.target.value)));
  if (programs.length) chooseProgram(0);
  const most = Math.max(0, ...programs.map((program) => program.arena_bytes));
  byId("memory-sums").replaceChildren(heading("Sums"), makeTable(["what", "bytes"], [
    ["weights", binaryBytes(data.memory.weights.bytes)], ["largest arena", binaryBytes(most)],
    [`KV cache, ${data.memory.kv_cache.max_batch} sequences of ${data.memory.kv_cache.max_seq} positions`,
     binaryBytes(data.memory.kv_cache.bytes)]], 1));
  byId("weights").replaceChildren(heading("Weights"), makeTable(["weight", "layers", "type", "transform", "shape", "bytes"],
    data.weights.map((weight) => [make("button", { class: "link", onclick: () => showWeight(weight.name) }, weight.name),
      weight.layers, weight.dtype, weight.transform, weight.shape.join(" x "), binaryBytes(weight.bytes)]), 4));
}
