// The dataflow after a phase as a picture.

const graphView = { phase: null, part: null, graph: null };
const drawing = d3.select("#drawing");
drawing.append("defs").append("marker").attr("id", "arrow").attr("viewBox", "0 0 8 8").attr("refX", 7).attr("refY", 4)
  .attr("markerWidth", 7).attr("markerHeight", 7).attr("orient", "auto").append("path").attr("d", "M0,0L8,4L0,8z");
const canvas = drawing.append("g");
const zoom = d3.zoom().scaleExtent([0.05, 4]).on("zoom", () => canvas.attr("transform", d3.event.transform));
drawing.call(zoom).on("dblclick.zoom", null);

const pathOf = (points) => "M" + points.map((point) => `${point.x.toFixed(1)},${point.y.toFixed(1)}`).join("L");

function drawGraph() {
  const inside = byId("inside").checked ? kernelParts(graphView.phase) : new Map();
  const graph = graphView.graph = layOut(graphOf(graphView.part, inside));
  canvas.selectAll("*").remove();
  const box = (selection) => selection.attr("x", (d) => d.x - d.width / 2).attr("y", (d) => d.y - d.height / 2)
    .attr("width", (d) => d.width).attr("height", (d) => d.height);
  // Frames of layers lie below those of kernels.
  const frames = canvas.append("g").selectAll("g").data([...graph.frames].sort((a, b) => !!a.kernel - !!b.kernel)).enter()
    .append("g").attr("class", (d) => d.kernel ? "frame kernel" : "frame layers");
  box(frames.append("rect"));
  focusable(frames.filter((d) => d.kernel), (d) => `kernel ${d.label}`, (d) => showKernel(d.label));
  const edges = canvas.append("g").selectAll("path").data(graph.edges).enter().append("path")
    .attr("class", (d) => d.next ? "edge next" : "edge").attr("d", (d) => pathOf(d.points)).attr("marker-end", "url(#arrow)");
  edges.append("title").text((d) => d.next ? "to the next layer" : d.label);
  // Above the edges, which would cross them out.
  canvas.append("g").selectAll("text").data(graph.frames).enter().append("text")
    .attr("class", (d) => d.kernel ? "label kernel" : "label layers").attr("x", (d) => d.x - d.width / 2 + 5)
    .attr("y", (d) => d.y - d.height / 2 + 12).text((d) => d.label);
  const nodes = canvas.append("g").selectAll("g").data(graph.nodes).enter().append("g")
    .attr("class", (d) => d.op ? "node" : "node argument").attr("transform", (d) => `translate(${d.x},${d.y})`);
  nodes.append("rect").attr("x", (d) => -d.width / 2).attr("y", (d) => -d.height / 2).attr("width", (d) => d.width)
    .attr("height", (d) => d.height).attr("rx", (d) => d.op ? 3 : 16);
  nodes.append("text").attr("y", (d) => d.note && d.note !== d.label ? -2 : 4).text((d) => d.label);
  nodes.filter((d) => d.note && d.note !== d.label).append("text").attr("class", "sort").attr("y", 12).text((d) => d.note);
  focusable(nodes.filter((d) => d.op), (d) => `${d.label}, ${d.note}`, (d) => d.owner ? showKernel(d.owner, d.op) : showOp(d.op));
  fitGraph();
}

/// Elements that the keyboard reaches and that show something.
function focusable(selection, label, show) {
  const open = (element, d) => {
    canvas.selectAll(".chosen").classed("chosen", false);
    d3.select(element).classed("chosen", true);
    show(d);
  };
  selection.attr("tabindex", 0).attr("role", "button").attr("aria-label", label)
    .on("click", function (d) { open(this, d); })
    .on("keydown", function (d) {
      const key = d3.event.key;
      if (key === "Enter" || key === " ") open(this, d);
      else if (key === "ArrowDown" || key === "ArrowRight") neighbour(this, 1);
      else if (key === "ArrowUp" || key === "ArrowLeft") neighbour(this, -1);
      else return;
      d3.event.preventDefault();
    });
}

function neighbour(element, step) {
  const all = canvas.selectAll("[tabindex]").nodes();
  all[(all.indexOf(element) + step + all.length) % all.length].focus();
}

/// The whole width, from the top; small graphs as a whole.
function fitGraph() {
  const { width, height } = graphView.graph, node = drawing.node();
  drawing.attr("viewBox", null);
  const room = { width: node.clientWidth || 800, height: node.clientHeight || 600 };
  const scale = Math.min(1.2, Math.max(Math.min(room.width / width, room.height / height), Math.min(0.6, room.width / width)));
  drawing.call(zoom.transform, d3.zoomIdentity.translate(Math.max(0, (room.width - width * scale) / 2), 0).scale(scale));
}

function choosePhase(name) {
  graphView.phase = data.graphs.phases.find((phase) => phase.name === name);
  byId("phase").value = name;
  const functions = partsOf(graphView.phase, "function"), before = byId("function").value;
  byId("function").replaceChildren(...functions.map((part) => make("option", {}, part.name)));
  const fired = data.phases.find((phase) => phase.name === name)?.fired ?? [];
  byId("fired").textContent = fired.map((each) => `${each.count} ${each.name}`).join(", ");
  chooseFunction(functions.some((part) => part.name === before) ? before : functions[0]?.name);
}

function chooseFunction(name) {
  graphView.part = partsOf(graphView.phase, "function").find((part) => part.name === name);
  byId("function").value = name;
  if (graphView.part) drawGraph();
}

/// Marks a node and moves it into the middle.
function focusNode(test) {
  let found = null;
  canvas.selectAll(".node, .frame.kernel").each(function (d) { if (!found && test(d)) found = { element: this, d }; });
  if (!found) return false;
  canvas.selectAll(".chosen").classed("chosen", false);
  d3.select(found.element).classed("chosen", true);
  const node = drawing.node(), scale = Math.max(0.6, d3.zoomTransform(node).k);
  drawing.call(zoom.transform, d3.zoomIdentity.translate(node.clientWidth / 2 - found.d.x * scale,
    node.clientHeight / 2 - found.d.y * scale).scale(scale));
  return true;
}

function startGraph() {
  byId("phase").replaceChildren(...data.graphs.phases.map((phase) => make("option", {}, phase.name)));
  byId("phase").addEventListener("change", (event) => choosePhase(event.target.value));
  byId("function").addEventListener("change", (event) => chooseFunction(event.target.value));
  byId("inside").addEventListener("change", drawGraph);
  byId("fit").addEventListener("click", fitGraph);
  choosePhase(data.graphs.phases[data.graphs.phases.length - 1].name);
}
