// What a printed page has beside what is on the screen: all programs and steps, and the whole graph.

/// The items that a choice on the screen does not show.
const notChosen = (id, items) => items.filter((_, i) => i !== Number(byId(id).value));

function preparePrint() {
  const { width, height } = graphView.graph;
  drawing.attr("viewBox", `0 0 ${width} ${height}`);
  canvas.attr("transform", null);
  byId("other-arenas").replaceChildren(...notChosen("program", data.memory.programs).flatMap((program) =>
    [heading(programTitle(program)), ...arenaOf(program)]));
  byId("other-steps").replaceChildren(...notChosen("step", data.costs).flatMap((cost) =>
    [heading(stepTitle(cost)), ...roofOf(cost), costTableOf(cost)]));
}

function endPrint() {
  drawing.attr("viewBox", null);
  canvas.attr("transform", d3.zoomTransform(drawing.node()));
  byId("other-arenas").replaceChildren();
  byId("other-steps").replaceChildren();
}

function startPrint() {
  byId("print").addEventListener("click", () => print());
  addEventListener("beforeprint", preparePrint);
  addEventListener("afterprint", endPrint);
}
