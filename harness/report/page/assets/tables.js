// Tables: sorted, searched and shown a page at a time, so that ten thousand rows cost what fifty do.

const ROWS_A_PAGE = 50;

/** Takes over a table that stands in the document; returns its function to show what filters let through. */
function liveTable(root, model, passes, openRow) {
  const texts = model.columns.map((column) => decode(column.texts));
  const raw = lazyColumns(model.raw);
  const state = { sort: -1, down: false, query: "", page: 0 };
  const body = root.querySelector("tbody");
  let rows = [], searched = null;
  if (!body) return () => {};

  const search = make("input", { type: "search", "aria-label": `Search ${model.key}`, oninput: () => change({ query: search.value.toLowerCase(), page: 0 }) });
  const status = make("span", { class: "count", role: "status" });
  const back = make("button", { type: "button", onclick: () => change({ page: state.page - 1 }) }, "Previous");
  const next = make("button", { type: "button", onclick: () => change({ page: state.page + 1 }) }, "Next");
  const csv = make("button", { type: "button", onclick: download }, "Download CSV");
  const tools = root.querySelector(".tools");
  tools.append(make("label", {}, "Search", search), status, back, next, csv);
  tools.hidden = false;
  root.querySelector(".more")?.remove();
  const printed = make("p", { class: "printed" });
  root.append(printed);
  const heads = [...root.querySelectorAll("thead th")];
  heads.forEach((head, place) => {
    head.replaceChildren(make("button", { type: "button", onclick: () => sortBy(place) }, head.textContent));
    head.setAttribute("aria-sort", "none");
  });

  function change(values) { Object.assign(state, values); select(); }

  function sortBy(place) {
    change({ down: state.sort === place && !state.down, sort: place, page: 0 });
    heads.forEach((head, i) => head.setAttribute("aria-sort", i !== place ? "none" : state.down ? "descending" : "ascending"));
  }

  function keyOf(place) {
    const column = model.columns[place], values = raw(column.name);
    if (!column.numeric || !values) return null;
    // more than the budget comes after every number, and what is missing after that
    return (row) => (values[row] === null && texts[place][row].startsWith(">") ? Infinity : numberOf(values[row]));
  }

  function select() {
    searched ??= Array.from({ length: model.size }, (_, row) => texts.map((of) => of[row]).join("\n").toLowerCase());
    rows = [];
    for (let row = 0; row < model.size; row++) {
      if (passes(row) && (!state.query || searched[row].includes(state.query))) rows.push(row);
    }
    if (state.sort >= 0) {
      const key = keyOf(state.sort), of = texts[state.sort], sign = state.down ? -1 : 1;
      if (key) {
        const keys = new Map(rows.map((row) => [row, key(row)]));
        rows.sort((a, b) => {
          const x = keys.get(a), y = keys.get(b);
          if (Number.isNaN(x) || Number.isNaN(y)) return Number.isNaN(x) - Number.isNaN(y) || a - b;
          return x === y ? a - b : x < y ? -sign : sign;
        });
      } else rows.sort((a, b) => sign * collator.compare(of[a], of[b]) || a - b);
    }
    show();
  }

  function show() {
    const last = Math.max(0, Math.ceil(rows.length / ROWS_A_PAGE) - 1);
    state.page = Math.min(Math.max(0, state.page), last);
    const first = state.page * ROWS_A_PAGE, shown = rows.slice(first, first + ROWS_A_PAGE);
    body.replaceChildren(...shown.map(rowElement));
    const all = rows.length === model.size ? "" : ` (of ${model.size})`;
    status.textContent = rows.length ? `${first + 1}–${first + shown.length} of ${rows.length}${all}` : `no row${all}`;
    back.hidden = next.hidden = last === 0;
    back.disabled = state.page === 0;
    next.disabled = state.page === last;
    printed.textContent = shown.length < model.size ? `Rows ${status.textContent}.` : "";
    csv.disabled = rows.length === 0;
  }

  function rowElement(row) {
    return make("tr", {}, ...texts.map((of, place) => {
      const text = of[row], absent = text === NOT_MEASURED || text === DOES_NOT_APPLY;
      const classes = [model.columns[place].numeric && "number", absent && "absent"].filter(Boolean).join(" ");
      const title = text === NOT_MEASURED ? "not measured" : text === DOES_NOT_APPLY ? "does not apply" : null;
      const content = place === 0 && openRow ? make("button", { type: "button", onclick: () => openRow(row) }, text) : text;
      return make("td", { class: classes || null, title }, content);
    }));
  }

  function download() {
    const names = Object.keys(model.raw), columns = names.map(raw);
    const lines = [names, ...rows.map((row) => columns.map((values) => values[row]))];
    offer(`${model.key}.csv`, lines.map((line) => line.map(csvValue).join(",")).join("\n") + "\n");
  }

  select();
  return () => change({ page: 0 });
}
