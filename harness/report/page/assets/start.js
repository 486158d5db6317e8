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
drawExplorer();
