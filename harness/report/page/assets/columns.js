"use strict";
// Columns as the page holds them, and elements made from text: nothing here ever parses markup.

/** A column as `encoded` of encode.py writes it. */
function decode(column) {
  if ("each" in column) return column.each;
  if ("of" in column) return column.at.map((place) => column.of[place]);
  return Array(column.n).fill(column.all);
}

/** All columns of a mapping, each decoded when it is first asked for. */
function lazyColumns(columns) {
  const known = new Map();
  return (name) => {
    if (!known.has(name)) known.set(name, name in columns ? decode(columns[name]) : null);
    return known.get(name);
  };
}

/** An element with attributes and children; text becomes text nodes. */
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null && child !== ""));
  return element;
}

const collator = new Intl.Collator("en", { numeric: true });
const page = JSON.parse(document.getElementById("data").textContent);
const NOT_MEASURED = "–", DOES_NOT_APPLY = "n/a";

/** A number of the page, of which JSON cannot hold every one; NaN where there is none. */
function numberOf(value) {
  return value === null || value === undefined || value === "" ? NaN : Number(value);
}

/** A number as a person reads it. */
function readable(value) {
  if (typeof value !== "number") return String(value);
  if (value === 0 || (Math.abs(value) >= 1e-3 && Math.abs(value) < 1e6)) return String(Number(value.toPrecision(6)));
  return value.toExponential(3);
}

/** Offers a text as a file. */
function offer(name, text) {
  const link = make("a", { href: URL.createObjectURL(new Blob([text], { type: "text/csv;charset=utf-8" })), download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

/** One value of a CSV file. */
function csvValue(value) {
  if (value === null || value === undefined) return "";
  const text = typeof value === "boolean" ? (value ? "True" : "False") : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
