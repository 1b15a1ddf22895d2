// How much kernels compute for each byte, below what the machine can do at best.

/// Points {name, intensity, rate, measured}. A rate that was not measured is that at the ceilings.
function pointsOf(cost) {
  const memory = cost.ceiling_GBps * 1e9, compute = cost.ceiling_TFLOPs * 1e12, points = [];
  const isMeasured = data.profile && (cost.prompt > 0) === (data.profile.prompt > 0);
  for (const kernel of cost.kernels) {
    if (!kernel.flops || !kernel.bytes) continue;
    if (cost.ceiling_GBps)
      points.push({ name: kernel.name, intensity: kernel.intensity, measured: false,
                    rate: Math.min(memory * kernel.intensity, compute || Infinity) });
    for (const step of isMeasured ? measuredOf(kernel.name) : [])
      if (step.flops > 0 && step.bytes > 0 && step.us_median > 0)
        points.push({ name: kernel.name, intensity: step.flops / step.bytes, rate: step.flops / step.us_median * 1e6,
                      measured: true });
  }
  return points;
}

function drawRoof(cost) {
  const points = pointsOf(cost), width = 820, height = 440, margin = { left: 70, right: 150, top: 20, bottom: 45 };
  const memory = cost.ceiling_GBps * 1e9, compute = cost.ceiling_TFLOPs * 1e12, ridge = compute / memory;
  const intensities = [...points.map((point) => point.intensity), ridge].filter((each) => each > 0 && isFinite(each));
  const rates = [...points.map((point) => point.rate), compute].filter((each) => each > 0 && isFinite(each));
  const x = d3.scaleLog().domain([d3.min(intensities) / 3, d3.max(intensities) * 3]).range([margin.left, width - margin.right]);
  const y = d3.scaleLog().domain([d3.min(rates) / 4, d3.max(rates) * 2]).range([height - margin.bottom, margin.top]);
  const svg = d3.create("svg").attr("viewBox", `0 0 ${width} ${height}`).attr("width", width).attr("height", height)
    .attr("role", "img").attr("aria-label", "Roofline");
  svg.append("g").attr("class", "axis").attr("transform", `translate(0,${height - margin.bottom})`)
    .call(d3.axisBottom(x).ticks(6, (each) => String(Number(each.toPrecision(2)))));
  svg.append("g").attr("class", "axis").attr("transform", `translate(${margin.left},0)`)
    .call(d3.axisLeft(y).ticks(6, (each) => decimal(each)));
  svg.append("text").attr("x", (width - margin.right + margin.left) / 2).attr("y", height - 8).attr("text-anchor", "middle")
    .text("FLOP for each byte");
  svg.append("text").attr("transform", `translate(14,${height / 2}) rotate(-90)`).attr("text-anchor", "middle").text("FLOP/s");
  const [low, high] = x.domain(), roof = [[low, memory * low], [ridge, compute], [high, compute]]
    .filter(([intensity]) => intensity >= low && intensity <= high).map(([intensity, rate]) => [intensity, Math.max(rate, y.domain()[0])]);
  // Where the slope leaves the picture at the bottom it begins at the edge.
  if (memory * low < y.domain()[0]) roof[0] = [y.domain()[0] / memory, y.domain()[0]];
  svg.append("path").attr("class", "roof").attr("d", "M" + roof.map(([a, b]) => `${x(a).toFixed(1)},${y(b).toFixed(1)}`).join("L"));
  svg.append("text").attr("class", "note").attr("x", width - margin.right + 6).attr("y", y(compute) + 4)
    .call((text) => [cost.ceiling_instruction, `${decimal(compute)}FLOP/s`].forEach((line, i) =>
      text.append("tspan").attr("x", width - margin.right + 6).attr("dy", 13 * i).text(line)));
  // Above the slope there is nothing else that is written.
  svg.append("text").attr("class", "note").attr("x", x(ridge)).attr("y", y(compute) - 6).attr("text-anchor", "end")
    .text(`${cost.ceiling_memory}: ${cost.ceiling_GBps.toFixed(1)} GB/s`);
  const marks = svg.append("g").selectAll("g").data(points).enter().append("g").attr("tabindex", 0).attr("role", "button")
    .attr("class", (d) => d.measured ? "point measured" : "point").attr("transform", (d) => `translate(${x(d.intensity)},${y(d.rate)})`)
    .attr("aria-label", (d) => pointText(d)).on("click", (d) => showKernel(d.name))
    .on("keydown", (d) => { if (d3.event.key === "Enter") showKernel(d.name); });
  marks.append("circle").attr("r", 5);
  marks.append("title").text(pointText);
  // Names stand below each other where points lie close; where there is no room left, above each other on the other side.
  const taken = [], bottom = height - margin.bottom - 4, line = 12;
  // Half a point less than a line: a sum of floats is not exact, and a name one line further must count as free.
  const near = (d, at) => taken.filter((each) => Math.abs(each.y - at) < line - 0.5 && Math.abs(each.x - x(d.intensity)) < 120);
  const free = (d, at, step) => {
    for (let close = near(d, at); close.length; close = near(d, at))
      at = step > 0 ? d3.max(close, (each) => each.y) + step : d3.min(close, (each) => each.y) + step;
    return at;
  };
  marks.filter((d) => !d.measured).append("text").each(function (d) {
    let at = free(d, y(d.rate) + line, line);
    const isBelow = at <= bottom;
    if (!isBelow) at = free(d, y(d.rate) - 4, -line);
    taken.push({ x: x(d.intensity), y: at });
    d3.select(this).attr("x", isBelow ? 9 : -9).attr("text-anchor", isBelow ? null : "end").attr("y", at - y(d.rate));
  }).text((d) => lastWord(d.name));
  return svg.node();
}

const pointText = (point) => `${point.name}: ${point.intensity.toFixed(2)} FLOP/byte, ${decimal(point.rate)}FLOP/s ` +
  (point.measured ? "measured" : "at best");

const stepTitle = (cost) =>
  cost.prompt ? `a prompt of ${cost.prompt} tokens (${cost.test})` : `one token behind ${cost.depth} positions (${cost.test})`;

/// What is said of a step's roofline, and its picture.
function roofOf(cost) {
  return cost.ceiling_GBps && cost.ceiling_TFLOPs
    ? [make("p", {}, `The line is what the device can do at best (${cost.ceiling_source}): its memory on the slope, ` +
         "arithmetic on the flat part. Hollow points are kernels at that limit" +
         (data.profile ? ", filled ones are measured." : "; --profile adds measured ones.")),
       ...(cost.ceiling_problem ? [make("p", { class: "note" }, `Nothing was measured: ${cost.ceiling_problem}`)] : []),
       make("div", { class: "scroll" }, drawRoof(cost))]
    : [make("p", { class: "note" }, `There are no ceilings: ${cost.ceiling_problem ?? "they could not be measured"}`)];
}

function costTableOf(cost) {
  return makeTable(
    ["kernel", "launches", "weights", "cache", "activations", "FLOP", "FLOP/byte", "bound", "µs at best"],
    cost.kernels.map((kernel) => [make("button", { class: "link", onclick: () => showKernel(kernel.name) }, kernel.name),
      kernel.count, decimal(kernel.bytes_weights), decimal(kernel.bytes_cache), decimal(kernel.bytes_activations),
      decimal(kernel.flops), kernel.intensity.toFixed(2), kernel.bound ?? "", microseconds(kernel.us)]), 1);
}

function chooseStep(number) {
  const cost = data.costs[number];
  byId("roof").replaceChildren(...roofOf(cost));
  byId("costs").replaceChildren(heading("Cost"), costTableOf(cost));
}

function startRoofline() {
  byId("step").replaceChildren(...data.costs.map((cost, i) => make("option", { value: i }, stepTitle(cost))));
  byId("step").addEventListener("change", (event) => chooseStep(Number(event.target.value)));
  chooseStep(0);
}
