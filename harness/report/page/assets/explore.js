// The interactive figure: any measure by any setting, a panel for each value of everything else.

const MOST_PANELS = 12;

/** Builds the controls and returns the function that draws what filters let through. */
function buildExplorer(root, runs, openRun) {
  const { measures, axes, styles } = page.explore;
  const raw = lazyColumns(runs.raw), setting = lazyColumns(page.explore.settings), passes = passesFilters(runs);
  const [label, place, drawn] = ["label", "place", "drawn"].map((name) => decode(page.explore[name]));
  const varying = Object.keys(page.explore.settings).filter((name) => new Set(setting(name)).size > 1);
  if (!measures.length) return () => {};
  const y = choice("Show", measures), x = choice("by", axes);
  root.querySelector(".controls").append(y.element, x.element);
  root.hidden = false;
  return draw;

  function choice(title, options) {
    const select = make("select", { onchange: draw }, ...options.map((one, i) => make("option", { value: i }, one.title)));
    return { element: make("label", {}, title, select), get: () => options[select.value] };
  }

  /** One point for each run that has the measure, a bound included, and how many runs have none. */
  function pointsOf(measure, axis) {
    const values = raw(measure.key), levels = measure.reference ? raw(measure.reference) : null;
    const others = varying.filter((name) => name !== axis.key);
    const points = [], missing = new Map();
    for (let run = 0; run < runs.size; run++) {
      if (!drawn[run] || !passes(run)) continue;
      const [value, bound] = valueOf(measure, values, run);
      if (!Number.isFinite(value)) {
        const why = raw("status")[run] === "ok" ? "not measured" : raw("status")[run];
        missing.set(why, (missing.get(why) ?? 0) + 1);
        continue;
      }
      const rest = others.map((name) => described(name, setting(name)[run])).filter(Boolean);
      points.push({
        run, value: value * measure.scale, bound, cell: label[run], x: setting(axis.key)[run] || "all",
        panel: [place[run], ...rest].join(", "), level: levels ? numberOf(levels[run]) * measure.scale : NaN,
        name: raw("run_id")[run], seed: raw("seed")[run],
      });
    }
    return [points, missing];
  }

  /** A run's value, and whether it is a bound: solved after more than its budget, or gradients that underflow. */
  function valueOf(measure, values, run) {
    const value = numberOf(values[run]);
    if (measure.key === "solved_step" && Number.isNaN(value)) {
      const censored = raw("status")[run] === "ok" && raw("solved_rule")[run] !== null;
      return censored ? [numberOf(raw("steps")[run]), "more than"] : [NaN, ""];
    }
    const [, kind, moment] = /^gradflow_(decades|reach)_(\w+)$/.exec(measure.key) ?? [];
    const bounds = kind ? (raw("gradflow_underflow")[run] ?? "").split(",") : [];
    return [value, bounds.includes(kind === "reach" ? `reach_${moment}` : moment) ? "at most" : ""];
  }

  function described(name, value) {
    if (!value) return "";
    return name === "seq_len" ? `T = ${value}` : name === "size" ? value : `${name.replaceAll("_", " ")} ${value}`;
  }

  function draw() {
    const measure = y.get(), axis = x.get();
    let [points, missing] = pointsOf(measure, axis);
    const panels = [...new Set(points.map((point) => point.panel))].sort(collator.compare);
    const shown = panels.slice(0, MOST_PANELS);
    points = points.filter((point) => shown.includes(point.panel));
    const chart = root.querySelector(".chart"), note = root.querySelector(".note");
    const cells = [...new Set(points.map((point) => point.cell))].sort((a, b) => Object.keys(styles).indexOf(a) - Object.keys(styles).indexOf(b));
    chart.setAttribute("aria-label", spoken(measure, axis, points, shown));
    note.textContent = remarks(points, missing, panels);
    if (!points.length) { drawings.delete(chart); chart.replaceChildren(); return; }
    drawChart(chart, (width) => specification(width, measure, axis, points, shown, cells), openRun);
  }

  function remarks(points, missing, panels) {
    const parts = [points.length ? "Each mark is a run: point at it for its values, click it for its curves. Lines join the medians of the runs." : "No run has this measure."];
    const above = points.filter((point) => point.bound === "more than").length;
    if (above) parts.push(`△ ${above} of ${points.length} not solved within the budget: more than the value at which they stand.`);
    const below = points.filter((point) => point.bound === "at most").length;
    if (below) parts.push(`▽ ${below} of ${points.length}: upper bounds, as norms underflow.`);
    if (missing.size) parts.push(`Not drawn: ${[...missing].map(([why, count]) => `${count} ${why}`).join(", ")}.`);
    if (panels.length > MOST_PANELS) parts.push(`The first ${MOST_PANELS} of ${panels.length} panels; filters show the others.`);
    return parts.join(" ");
  }

  function spoken(measure, axis, points, panels) {
    const parts = medians(points).map((one) => `${one.panel}, ${one.cell}, ${one.x}: ${readable(one.median)}`);
    return `Dot chart of ${measure.title} by ${axis.title}; ${points.length} runs in ${panels.length} panels. Medians: ${parts.slice(0, 60).join("; ")}.`;
  }
}

/** The median of the runs at each place; of two middle runs their mean; null where it would be a bound. */
function medians(points) {
  const groups = new Map();
  for (const point of points) {
    const key = JSON.stringify([point.panel, point.cell, point.x]);
    if (!groups.has(key)) groups.set(key, []);
    groups.get(key).push(point);
  }
  return [...groups.values()].map((group) => {
    const last = (point) => (point.bound === "more than" ? Infinity : point.value);
    const values = group.map(last).sort((a, b) => a - b), middle = (values.length - 1) / 2;
    const median = (values[Math.floor(middle)] + values[Math.ceil(middle)]) / 2;
    const { panel, cell, x } = group[0];
    return { panel, cell, x, median: Number.isFinite(median) ? median : null };
  }).filter((one) => one.median !== null);
}

/** Texts of the runs stand in the data and in domains only: Vega-Lite makes expressions of orders it is given. */
function specification(width, measure, axis, points, panels, cells) {
  const columns = Math.min(panels.length, Math.max(1, Math.floor(width / 330)));
  const values = points.map((point) => point.value);
  const log = needsLog(values) && measure.scale === 1;
  const scale = log ? { type: "log" } : measure.scale === 100 ? { domain: [0, 100] } : { zero: false, nice: true };
  const lines = medians(points).map((one) => ({ ...one, value: one.median, line: true })).filter((one) => !log || one.value > 0);
  const data = [...points.map((point) => ({ ...point, line: false })), ...lines]
    .filter((one) => !log || one.value > 0).map((one) => ({ ...one, panelPlace: panels.indexOf(one.panel) }));
  const xs = [...new Set(points.map((point) => point.x))].sort(collator.compare);
  const common = {
    x: { field: "x", type: "ordinal", scale: { domain: xs }, title: axis.title, axis: { labelAngle: xs.some((one) => one.length > 6) ? -30 : 0 } },
    xOffset: cells.length > 1 ? { field: "cell", scale: { domain: cells } } : undefined,
    y: { field: "value", type: "quantitative", scale, title: measure.title },
    color: { field: "cell", type: "nominal", scale: { domain: cells, range: cells.map((cell) => shade(page.explore.styles[cell].color)) }, legend: { title: null, orient: "top" } },
  };
  const tooltip = [
    { field: "name", title: "run" }, { field: "value", title: measure.title, format: ".4~g" }, { field: "bound", title: "bound" },
    { field: "x", title: axis.title }, { field: "cell" }, { field: "seed" },
  ];
  const shape = { field: "bound", type: "nominal", legend: null, scale: { domain: ["", "more than", "at most"], range: ["circle", "triangle-up", "triangle-down"] } };
  const level = { field: "level", type: "quantitative", aggregate: "mean" };
  const only = (line) => [{ filter: { field: "line", equal: line } }];
  return {
    data: { values: data },
    facet: { field: "panel", type: "nominal", sort: { field: "panelPlace", op: "min" }, title: null, header: { labelLimit: width / columns - 40 } },
    columns, spacing: 28,
    spec: {
      width: Math.max(180, width / columns - 90), height: 230,
      layer: [
        ...(points.some((point) => Number.isFinite(point.level)) ? [{ transform: only(false), mark: { type: "rule", strokeDash: [5, 4], color: "#888" }, encoding: { y: { ...level, scale, title: measure.title } } }] : []),
        ...(lines.length ? [{ transform: only(true), mark: { type: "line", strokeWidth: 1.6, tooltip: false }, encoding: common }] : []),
        { transform: only(false), mark: { type: "point", size: 55, opacity: 0.85, filled: true, cursor: "pointer" }, encoding: { ...common, shape, tooltip } },
      ],
    },
    resolve: { axis: { x: "independent", y: "independent" } },
  };
}
