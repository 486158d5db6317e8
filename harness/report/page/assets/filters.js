// Filters: what is chosen holds for the interactive figure, the figures of a task, and all tables.

const chosen = new Map(page.facets.map((facet) => [facet, new Set()]));

/** Whether a row of a table passes all filters; no choice and no value let everything through. */
function passesFilters(model) {
  const facets = page.facets.map((facet) => [chosen.get(facet), lazyColumns(model.facets)(facet)]);
  return (row) => facets.every(([values, of]) => {
    if (!values.size || !of || of[row] === "") return true;
    return values.has(of[row]) || (of[row].includes("\n") && of[row].split("\n").some((part) => values.has(part)));
  });
}

/** Builds the filters that have something to choose; calls `changed` after each choice. */
function buildFilters(root, runs, changed) {
  const column = lazyColumns(runs.facets), passes = passesFilters(runs);
  const status = make("span", { role: "status" });
  const reset = make("button", { type: "button", onclick: clear }, "Show all");
  for (const facet of page.facets) {
    const values = [...new Set(column(facet))].sort(collator.compare);
    if (values.length < 2) continue;
    root.append(make("fieldset", {}, make("legend", {}, facet), ...values.map((value) => chip(facet, value))));
  }
  if (!root.children.length) return;
  root.append(make("div", { class: "status" }, status, reset));
  root.hidden = false;
  report();

  function chip(facet, value) {
    const box = make("input", { type: "checkbox", onchange: () => {
      chosen.get(facet)[box.checked ? "add" : "delete"](value);
      update();
    } });
    return make("label", { class: "chip" }, box, make("span", {}, value));
  }

  function clear() {
    chosen.forEach((values) => values.clear());
    root.querySelectorAll("input").forEach((box) => { box.checked = false; });
    update();
  }

  function report() {
    let count = 0;
    for (let row = 0; row < runs.size; row++) count += passes(row);
    status.textContent = count === runs.size ? `All ${count} runs` : `${count} of ${runs.size} runs`;
    reset.disabled = count === runs.size;
  }

  function update() {
    report();
    const tasks = chosen.get("task");
    document.querySelectorAll("#static > figure").forEach((figure) => {
      figure.hidden = tasks.size > 0 && figure.dataset.task !== "" && !tasks.has(figure.dataset.task);
    });
    changed();
  }
}
