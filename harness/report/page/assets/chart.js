// Charts: one way to draw a Vega-Lite specification in the colours of the page, again when these or the width change.

const dark = matchMedia("(prefers-color-scheme: dark)");
const drawings = new Map(), drawn = new WeakMap();

/** A colour of the static figures, lighter where it would vanish on a dark page. */
function shade(color) {
  const onDark = { "#0072B2": "#4DA8E8", "#000000": "#E8E8E8", "#D55E00": "#FF8A3D", "#009E73": "#2BC79A" };
  return (dark.matches && onDark[color]) || color;
}

/** Axes, texts and lines in the colours of the page. */
function theme() {
  const of = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const ink = of("--ink"), muted = of("--muted"), line = of("--line");
  const title = { titleColor: ink, titleFontSize: 12, titleFontWeight: 500, labelColor: ink, labelFontSize: 11 };
  return {
    background: null, font: getComputedStyle(document.body).fontFamily,
    axis: { ...title, gridColor: line, domainColor: muted, tickColor: muted, labelLimit: 140 },
    legend: { ...title, symbolSize: 60, labelLimit: 220 },
    header: { titleColor: ink, labelColor: ink, labelFontSize: 12, labelFontWeight: 600, labelLimit: 400 },
    title: { color: ink }, view: { stroke: null },
  };
}

/**
 * Draws into an element; `specification` makes the specification for a width in pixels. The expressions are
 * interpreted, since the page's policy forbids code made from text. One drawing of an element follows another.
 */
async function drawChart(root, specification, clicked) {
  const mine = [specification, clicked];
  drawings.set(root, mine);
  const before = drawn.get(root);
  const now = (async () => {
    await before;
    if (drawings.get(root) === mine) await drawNow(root, specification, clicked); // else a later one is waiting
  })();
  drawn.set(root, now);
  return now;
}

async function drawNow(root, specification, clicked) {
  const spec = { config: theme(), ...specification(root.clientWidth) };
  if (!root.firstElementChild) root.append(make("div")); // Vega gives its element a label of its own
  const { view } = await vegaEmbed(root.firstElementChild, spec, { actions: false, ast: true, renderer: "canvas", tooltip: { theme: dark.matches ? "dark" : "light" } });
  // the element says what the chart shows; its parts have no roles of their own
  root.querySelectorAll("[role^='graphics']").forEach((part) => {
    for (const name of ["role", "aria-roledescription", "aria-label"]) part.removeAttribute(name);
  });
  if (clicked) view.addEventListener("click", (_, item) => { if (item?.datum?.run !== undefined) clicked(item.datum.run); });
}

/** Draws every chart again that is still in the page. */
function redraw() {
  for (const [root, [specification, clicked]] of drawings) {
    if (root.isConnected && root.clientWidth > 0) drawChart(root, specification, clicked);
    else if (!root.isConnected) drawings.delete(root);
  }
}

dark.addEventListener("change", redraw);
let width = innerWidth, waiting = 0;
addEventListener("resize", () => {
  if (innerWidth === width) return;
  width = innerWidth;
  clearTimeout(waiting);
  waiting = setTimeout(redraw, 150);
});

/** Whether values span so much that only a log axis shows them all. */
function needsLog(values) {
  const finite = values.filter((value) => Number.isFinite(value));
  const positive = finite.filter((value) => value > 0);
  return positive.length > 1 && !finite.some((value) => value < 0) && Math.max(...positive) > 100 * Math.min(...positive);
}
