// What is known of one run: its command, the curves that its probes recorded, and every column of its row.

const KEYS = ["t", "step", "rank", "layer", "state", "k"], AXES = ["t", "step", "rank"], MOST_NAMED = 12, LEFT_OUT = /^(epoch|train_s|val_samples|at_most|log10_.*)$/;
let unpacked = null;

/** The details of all runs, unpacked when they are first asked for. */
function detailsOfRuns() {
  unpacked ??= (async () => {
    const bytes = Uint8Array.from(atob(document.getElementById("details").textContent), (letter) => letter.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    return JSON.parse(await new Response(stream).text());
  })();
  return unpacked;
}

/** Returns the function that shows a run, given its row. */
function buildDetails(root, runs) {
  const raw = lazyColumns(runs.raw), commands = decode(page.commands);
  const absent = new Map(Object.entries(page.absent).map(([name, rows]) => [name, new Set(rows)]));
  return show;

  async function show(row) {
    const id = raw("run_id")[row], details = await detailsOfRuns();
    const close = make("button", { type: "button", onclick: () => { root.hidden = true; } }, "Close");
    const tables = details.runs[id] ?? [];
    const charts = make("div");
    root.replaceChildren(
      make("div", { class: "bar" }, make("h3", { style: "margin:0" }, id), close),
      make("p", {}, `${raw("status")[row]}${raw("error")[row] ? `: ${raw("error")[row]}` : ""}`),
      make("h4", {}, "The command that makes it again"), commandOf(row),
      charts,
      make("details", {}, make("summary", {}, "All columns of its row"), allColumns(row)),
    );
    root.hidden = false;
    root.focus({ preventScroll: true });
    root.scrollIntoView({ block: "start" });
    if (!tables.length) charts.append(make("p", { class: "note" }, document.getElementById("details-note").textContent || "It has recorded no curves."));
    for (const table of tables) charts.append(...tableElements(details.shapes[table.shape], table));
    redraw();
  }

  function commandOf(row) {
    if (!commands[row]) return make("p", { class: "note" }, "It is not known: the row does not hold a whole config of this version, or hides a path of its own.");
    const copy = make("button", { type: "button", onclick: async () => {
      try { await navigator.clipboard.writeText(commands[row]); copy.textContent = "Copied"; } catch { getSelection().selectAllChildren(code); copy.textContent = "Selected: press Ctrl-C"; }
    } }, "Copy");
    const code = make("div", { class: "command" }, commands[row]);
    const own = commands[row].includes("task.path=FILE") ? "Put the path of the run\u2019s own data in place of FILE. " : "";
    const hint = make("span", { class: "note" }, own + "Add rerun=true where it has finished, or results_dir=FOLDER to keep the new run apart.");
    return make("div", {}, code, make("div", { class: "bar" }, copy, hint));
  }

  function allColumns(row) {
    const pairs = Object.keys(runs.raw).map((name) => make("div", {},
      make("dt", { title: page.about[name] ?? null }, name), make("dd", {}, valueText(name, row))));
    return make("dl", { class: "facts" }, ...pairs);
  }

  function valueText(name, row) {
    const value = raw(name)[row];
    if (absent.get(name)?.has(row)) return "does not apply";
    if (value === null || value === "") return page.empty[name] ?? "not measured";
    return String(value);
  }
}

/** Charts and numbers of one table of a run. */
function tableElements(shape, table) {
  const names = Object.keys(shape.columns);
  const head = make("h4", {}, `${shape.name}.csv`);
  const note = table.note ? make("p", { class: "note" }, table.note) : null;
  if (!table.columns) return [head, make("p", { class: "note" }, "The file is missing or damaged.")];
  const columns = Object.fromEntries(names.map((name, i) => [name, decode(table.columns[i])]));
  const size = columns[names[0]]?.length ?? 0;
  if (!size) return [head, note ?? make("p", { class: "note" }, "It has no row.")];
  const charts = make("div", { class: "charts" });
  for (const [part, rows] of partsOf(columns, size)) {
    const own = Object.fromEntries(names.map((name) => [name, rows.map((row) => columns[name][row])]));
    for (const [title, ys] of chartGroups(names, own)) charts.append(curve(part ? `${title}, ${part}` : title, ys, names, own, shape));
  }
  return [head, note, charts, numbers(names, columns, size, shape)].filter(Boolean);
}

/** The rows of each moment (before training, best step, end), or all rows where the table has no moments. */
function partsOf(columns, size) {
  const all = Array.from({ length: size }, (_, row) => row);
  if (!columns.moment) return [["", all]];
  return [...new Set(columns.moment)].map((moment) => [moment, all.filter((row) => columns.moment[row] === moment)]);
}

/** Columns that share a chart: those of training and validation, and means and maxima. */
function chartGroups(names, columns) {
  const groups = new Map();
  for (const name of names) {
    if (KEYS.includes(name) || LEFT_OUT.test(name) || !columns[name].some((value) => Number.isFinite(numberOf(value)))) continue;
    const title = name.replace(/^(train|val)_/, "").replace(/_(mean|max)$/, "");
    groups.set(title, [...(groups.get(title) ?? []), name]);
  }
  return groups;
}

function curve(title, ys, names, columns, shape) {
  const x = AXES.find((name) => names.includes(name) && new Set(columns[name]).size > 1) ?? names[0];
  const text = (name) => columns[name].some((value) => typeof value === "string" && !/Infinity$/.test(value));
  const keys = names.filter((name) => name !== x && (KEYS.includes(name) || text(name)) && new Set(columns[name]).size > 1);
  const values = [];
  columns[x].forEach((at, row) => ys.forEach((y) => {
    const value = numberOf(columns[y][row]);
    if (!Number.isFinite(value)) return;
    const series = [...keys.map((key) => `${key} ${columns[key][row]}`), ...(ys.length > 1 ? [y] : [])].join(", ");
    values.push({ x: at, value, series });
  }));
  const log = needsLog(values.map((one) => one.value));
  const shown = values.filter((one) => !log || one.value > 0), zeros = values.length - shown.length;
  const series = [...new Set(shown.map((one) => one.series))];
  const chart = make("div", { class: "chart", role: "img", "aria-label": `Line chart of ${ys.join(" and ")} by ${x}; its numbers are in the table below.` });
  const about = ys.map((y) => shape.columns[y]).find(Boolean);
  drawings.set(chart, [(width) => ({
    data: { values: shown }, width: Math.max(160, width - 75), height: 170,
    mark: { type: "line", point: shown.length <= 60 * series.length, tooltip: true },
    encoding: {
      x: { field: "x", type: "quantitative", title: x, axis: { tickCount: 5, format: "~s" } },
      y: { field: "value", type: "quantitative", title: null, scale: log ? { type: "log" } : { zero: false } },
      color: series.length > 1 ? { field: "series", type: "nominal", legend: series.length > MOST_NAMED ? null : { title: null, orient: "bottom", columns: 2, symbolLimit: MOST_NAMED }, scale: { domain: series, scheme: series.length > 5 ? "viridis" : dark.matches ? "set2" : "dark2" } } : { value: shade("#0072B2") },
      tooltip: [{ field: "x", title: x }, { field: "value", title }, { field: "series" }],
    },
  }), null]);
  const remark = [zeros ? `${zeros} zeros are not drawn: the axis is logarithmic.` : "",
    series.length > MOST_NAMED ? `${series.length} lines: point at one for its name.` : ""].filter(Boolean).join(" ");
  return make("div", {}, make("h4", { title: about ?? null }, title.replaceAll("_", " ")), chart, remark ? make("p", { class: "note" }, remark) : null);
}

const MOST_NUMBERS = 200;

function numbers(names, columns, size, shape) {
  const head = make("tr", {}, ...names.map((name) => make("th", { scope: "col", title: shape.columns[name] }, name)));
  const rows = Array.from({ length: Math.min(size, MOST_NUMBERS) }, (_, row) =>
    make("tr", {}, ...names.map((name) => make("td", { class: "number" }, columns[name][row] === null ? NOT_MEASURED : readable(columns[name][row])))));
  const title = size > MOST_NUMBERS ? `Numbers (the first ${MOST_NUMBERS} of ${size} rows, 6 digits)` : `Numbers (${size} rows, 6 digits)`;
  const scroll = make("div", { class: "scroll", role: "region", tabindex: "0", "aria-label": `Numbers of ${shape.name}` },
    make("table", {}, make("thead", {}, head), make("tbody", {}, ...rows)));
  return make("details", {}, make("summary", {}, title), scroll);
}
