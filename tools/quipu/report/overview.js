// What the report is about: model, target, phases, and what was measured.

function startOverview() {
  const facts = byId("facts"), object = (title, value) => [heading(title), makeTable(["", ""],
    Object.entries(value).map(([name, each]) => [name, Array.isArray(each) ? each.join(", ") : String(each)]))];
  const most = Math.max(...data.timing.map((each) => each.us));
  const bar = (us) => make("meter", { min: 0, max: most, value: us, "aria-label": `${microseconds(us)} µs` });
  facts.replaceChildren(
    ...object("Model", data.config), ...object("Target", data.target),
    heading("Phases"), makeTable(["phase", "ops", "µs", "what fired"], data.phases.map((phase) =>
      [data.graphs.phases.some((each) => each.name === phase.name)
         ? make("button", { class: "link", onclick: () => { showTab("graph"); choosePhase(phase.name); } }, phase.name)
         : phase.name,
       phase.ops, microseconds(phase.us), (phase.fired ?? []).map((each) => `${each.count} ${each.name}`).join(", ")]), 1),
    heading("Time of the compilation"), makeTable(["part", "", "µs"], data.timing.map((each) =>
      [each.name, bar(each.us), microseconds(each.us)]), 2),
    heading("Kernels"), makeTable(["kernel", "runs at", "schedule"], data.kernels.map((kernel) =>
      [make("button", { class: "link", onclick: () => goToKernel(kernel.name) }, kernel.name), kernel.places.join(", "),
       make("code", {}, kernel.schedule)])),
    ...profileFacts());
}

function profileFacts() {
  const profile = data.profile;
  if (!profile)
    return [heading("Measured"), make("p", { class: "note" }, "Nothing was measured. quipu inspect --html FILE --profile does.")];
  return [heading(`Measured: ${profile.name}`), makeTable(["entry", "place", "launches", "µs", "GB/s", "of the ceiling", "lost µs"],
    profile.steps.map((step) => [
      make("button", { class: "link", onclick: () => goToKernel(step.kernel) }, step.name), step.place, step.count,
      microseconds(step.us_median), step.GBps?.toFixed(1),
      step.of_ceiling === null || step.of_ceiling === undefined ? "" : (100 * step.of_ceiling).toFixed(0) + " %",
      microseconds(step.lost_us)]), 2),
    make("p", {}, `waiting ${microseconds(profile.waiting_us)} µs, the whole step ${microseconds(profile.total_us)} µs`)];
}
