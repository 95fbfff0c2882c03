"use strict";
// Filters, search, the choice of a metric, sorting. Everything is drawn already: this only
// shows, hides and reorders.
const each = (selector, act, root = document) =>
  root.querySelectorAll(selector).forEach(act);

const shown = {};
for (const kind of ["task", "method"]) {
  shown[kind] = new Set();
  each(`[data-chip-${kind}]`, (chip) => shown[kind].add(chip.dataset[chipName(kind)]));
}

function chipName(kind) {
  return kind === "task" ? "chipTask" : "chipMethod";
}

// The words in the search box; a method is found if its name has any of them.
let words = [];

function found(name) {
  return words.length === 0 || words.some((word) => name.toLowerCase().includes(word));
}

// A kind without chips has one task, or one method: it is always shown.
function hidden(kind, name) {
  if (name === undefined || shown[kind].size === 0) return false;
  return !shown[kind].has(name) || (kind === "method" && !found(name));
}

function filter() {
  each("main [data-task], main [data-method]", (node) => {
    const { task, method } = node.dataset;
    const off = hidden("task", task) || hidden("method", method);
    node.classList.toggle("off", off);
  });
  for (const kind of ["task", "method"]) {
    each(`[data-chip-${kind}]`, (chip) => {
      const on = shown[kind].has(chip.dataset[chipName(kind)]);
      chip.setAttribute("aria-pressed", String(on));
    });
  }
  each("[data-chip-method]", (chip) => {
    chip.classList.toggle("off", !found(chip.dataset.chipMethod));
  });
}

// Words that no name has show everything: an empty page would be a riddle.
each("#search", (box) => {
  box.addEventListener("input", () => {
    words = box.value.toLowerCase().split(/[\s,]+/).filter(Boolean);
    const none = ![...shown.method].some(found);
    box.classList.toggle("none", none);
    if (none) words = [];
    filter();
  });
});

// All shown: a click shows that one alone. Else it adds or takes one away; the last one
// taken away shows all again.
function press(kind, name, all) {
  const chosen = shown[kind];
  if (chosen.size === all.length && all.length > 1) {
    chosen.clear();
    chosen.add(name);
  } else if (!chosen.delete(name)) {
    chosen.add(name);
  }
  if (chosen.size === 0) all.forEach((other) => chosen.add(other));
  filter();
}

for (const kind of ["task", "method"]) {
  const chips = [...document.querySelectorAll(`[data-chip-${kind}]`)];
  const names = chips.map((chip) => chip.dataset[chipName(kind)]);
  chips.forEach((chip, index) =>
    chip.addEventListener("click", () => press(kind, names[index], names)));
  const group = chips.length ? chips[0].closest(".chips") : null;
  if (group) {
    group.querySelector(".all").addEventListener("click", () => {
      names.forEach((name) => shown[kind].add(name));
      filter();
    });
  }
}

each("select[data-metric-of]", (choice) => {
  choice.addEventListener("change", () => {
    each("[data-metric]", (block) => {
      block.hidden = block.dataset.metric !== choice.value;
    }, choice.closest("section"));
  });
});

// Numbers by value, words by letter; equal keys keep their order.
function compare(a, b) {
  const [x, y] = [Number(a), Number(b)];
  if (Number.isNaN(x) || Number.isNaN(y)) return a.localeCompare(b);
  return x === y ? 0 : x < y ? -1 : 1;
}

function number(key) {
  return key === "inf" ? "Infinity" : key === "-inf" ? "-Infinity" : key;
}

each("table.sortable", (table) => {
  const heads = [...table.querySelectorAll("thead th")];
  heads.forEach((head, index) => {
    head.querySelector("button").addEventListener("click", () => {
      const up = head.getAttribute("aria-sort") !== "ascending";
      heads.forEach((other) => other.setAttribute("aria-sort", "none"));
      head.setAttribute("aria-sort", up ? "ascending" : "descending");
      const body = table.tBodies[0];
      const keyed = [...body.rows].map((row) => [number(row.cells[index].dataset.key), row]);
      keyed.sort(([a], [b]) => (up ? compare(a, b) : compare(b, a)));
      keyed.forEach(([, row]) => body.append(row));
    });
  });
});
