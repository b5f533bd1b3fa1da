// A table that is sorted by the column whose head is pressed; pressed again, the other way round.

import { element } from "tellapart/dom.js";

const valueOf = (cell) => (cell.dataset.value === undefined ? cell.textContent : Number(cell.dataset.value));

export function mountSortable(table) {
  const body = table.tBodies[0];
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    const isName = body.rows[0]?.cells[column].dataset.value === undefined;
    const press = element("button", { type: "button", class: "sort", onclick: () => sort(column, isName) });
    press.append(...head.childNodes);
    head.append(press);
  });

  // Names from A, numbers from the lowest: the weakest class is what a reader looks for.
  function sort(column, isName) {
    const by = heads[column].getAttribute("aria-sort") === "ascending" ? -1 : 1;
    for (const head of heads) head.removeAttribute("aria-sort");
    heads[column].setAttribute("aria-sort", by > 0 ? "ascending" : "descending");
    const compare = (a, b) => {
      const [left, right] = [valueOf(a.cells[column]), valueOf(b.cells[column])];
      return by * (isName ? String(left).localeCompare(String(right)) : Number(left) - Number(right));
    };
    body.append(...[...body.rows].sort(compare));
  }
}
