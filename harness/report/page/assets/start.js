// Brings the page to life; without this script every figure and every table stands as it is.

const models = new Map(page.tables.map((model) => [model.key, model]));
const openRun = buildDetails(document.getElementById("run"), models.get("runs"));
const drawExplorer = buildExplorer(document.getElementById("explore"), models.get("runs"), openRun);
const showTables = page.tables.map((model) =>
  liveTable(document.getElementById(`table-${model.key}`), model, passesFilters(model), model.key === "runs" ? openRun : null));
buildFilters(document.getElementById("filters"), models.get("runs"), () => {
  showTables.forEach((show) => show());
  drawExplorer();
});
requestAnimationFrame(() => setTimeout(drawExplorer)); // after the first paint

// a figure that is wider than its place can be scrolled with the keyboard too
const sheets = new ResizeObserver((seen) => seen.forEach(({ target }) => {
  const wide = target.scrollWidth > target.clientWidth;
  for (const [name, value] of [["tabindex", "0"], ["role", "region"], ["aria-label", target.dataset.name]]) {
    wide ? target.setAttribute(name, value) : target.removeAttribute(name);
  }
}));
document.querySelectorAll(".sheet").forEach((one) => sheets.observe(one));

// what is folded on the screen stands open on paper
const folded = () => document.querySelectorAll("#what details");
addEventListener("beforeprint", () => folded().forEach((one) => { one.dataset.was = one.open; one.open = true; }));
addEventListener("afterprint", () => folded().forEach((one) => { one.open = one.dataset.was === "true"; }));
