// Tabs, colours and printing; then all views.

const tabs = [...document.querySelectorAll("[role=tab]")];

function showTab(name) {
  for (const tab of tabs) {
    const isShown = tab.id === `tab-${name}`;
    tab.setAttribute("aria-selected", String(isShown));
    tab.tabIndex = isShown ? 0 : -1;
    byId(tab.getAttribute("aria-controls")).hidden = !isShown;
  }
}

function startTabs() {
  tabs.forEach((tab, i) => {
    tab.addEventListener("click", () => showTab(tab.getAttribute("aria-controls")));
    tab.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!step) return;
      const next = tabs[(i + step + tabs.length) % tabs.length];
      showTab(next.getAttribute("aria-controls"));
      next.focus();
    });
  });
  // "report.html#memory" opens this view.
  const wanted = tabs.find((tab) => `#${tab.getAttribute("aria-controls")}` === location.hash);
  if (wanted) showTab(wanted.getAttribute("aria-controls"));
}

function startTheme() {
  const button = byId("theme"), root = document.documentElement;
  const set = (isDark) => {
    root.dataset.theme = isDark ? "dark" : "light";
    button.textContent = isDark ? "Light" : "Dark";
  };
  set(matchMedia("(prefers-color-scheme: dark)").matches);
  button.addEventListener("click", () => set(root.dataset.theme !== "dark"));
}

document.title = `${data.name || "model"} - Quipu report`;
byId("title").textContent = data.name || "model";
byId("subtitle").textContent = `${data.source} for ${data.target.device} ${data.target.requested ?? ""}, ${data.compiler}`;
startTheme();
startTabs();
startGraph();
startSearch();
startMemory();
startRoofline();
startCache();
startOverview();
startPrint();
showDetails("Details", [make("p", { class: "note" }, "Choose an op, a kernel or a weight: here stands where it comes from, its IR, " +
  "schedule and why, cost and machine code.")]);
document.documentElement.dataset.ready = "yes";
