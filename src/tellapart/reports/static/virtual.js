// A grid of any number of cards of which only those in sight exist; one of them is current, and the keyboard moves it.

import { element } from "tellapart/dom.js";

const GAP = 12;

export function virtualGrid(root, { card, least, height, label, oncurrent }) {
  const stage = element("div", { class: "stage", role: "presentation" });
  const alive = new Map();
  let [items, columns, current] = [[], 1, -1];
  root.replaceChildren(stage);
  root.setAttribute("role", "listbox");
  root.setAttribute("aria-label", label);
  root.tabIndex = 0;

  const layout = () => {
    const width = root.clientWidth - 2 * GAP;
    columns = Math.max(1, Math.floor((width + GAP) / (least + GAP)));
    return (width - GAP * (columns - 1)) / columns;
  };

  function draw() {
    const wide = layout();
    stage.style.height = `${Math.ceil(items.length / columns) * (height + GAP) + GAP}px`;
    const first = Math.max(0, Math.floor(root.scrollTop / (height + GAP)) - 1) * columns;
    const last = Math.min(items.length, (Math.ceil((root.scrollTop + root.clientHeight) / (height + GAP)) + 1) * columns);
    for (const [index, node] of alive) if (index < first || index >= last) { node.remove(); alive.delete(index); }
    for (let index = first; index < last; index += 1) {
      if (!alive.has(index)) {
        const node = card(items[index]);
        node.id = `${root.id}-${index}`;
        node.dataset.index = index;
        node.setAttribute("role", "option");
        node.setAttribute("aria-setsize", items.length);
        node.setAttribute("aria-posinset", index + 1);
        stage.append(node);
        alive.set(index, node);
      }
      const node = alive.get(index);
      const [row, column] = [Math.floor(index / columns), index % columns];
      node.style.cssText = `width:${wide}px;height:${height}px;transform:translate(${GAP + column * (wide + GAP)}px,${GAP + row * (height + GAP)}px)`;
      node.setAttribute("aria-selected", String(index === current));
    }
  }

  function move(index, { isScrolled = true } = {}) {
    if (!items.length) return;
    current = Math.max(0, Math.min(items.length - 1, index));
    const top = GAP + Math.floor(current / columns) * (height + GAP);
    if (isScrolled && top - GAP < root.scrollTop) root.scrollTop = top - GAP;
    if (isScrolled && top + height + GAP > root.scrollTop + root.clientHeight) root.scrollTop = top + height + GAP - root.clientHeight;
    draw();
    root.setAttribute("aria-activedescendant", `${root.id}-${current}`);
    oncurrent(items[current]);
  }

  function show(next) {
    for (const node of alive.values()) node.remove();
    alive.clear();
    [items, current] = [next, -1];
    root.scrollTop = 0;
    root.removeAttribute("aria-activedescendant");
    layout();
    if (items.length) move(0);
    else { draw(); oncurrent(null); }
  }

  root.addEventListener("scroll", draw, { passive: true });
  root.addEventListener("click", (event) => {
    const node = event.target.closest("[data-index]");
    if (node) move(Number(node.dataset.index), { isScrolled: false });
  });
  root.addEventListener("keydown", (event) => {
    const page = Math.max(1, Math.floor(root.clientHeight / (height + GAP))) * columns;
    const steps = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity };
    if (!(event.key in steps) || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    const to = current + steps[event.key];
    if (Math.abs(steps[event.key]) !== columns || (to >= 0 && to < items.length)) move(to);
  });
  new ResizeObserver(draw).observe(root);
  return { show, move, indexOf: (item) => items.indexOf(item) };
}
