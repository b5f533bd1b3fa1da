// A grid of any number of cards, in groups under headings if there are any, of which only those in sight exist;
// one card is current, and the keyboard moves it.

import { element } from "tellapart/dom.js";

const GAP = 12;
const BETWEEN = 10;
const PAD = 5;
const BEYOND = 260;

export function virtualGrid(root, { card, least, height, label, oncurrent, dress = (_node, _item) => {}, heading = null, headingHeight = 0 }) {
  const stage = element("div", { class: "stage", role: "presentation" });
  const alive = new Map();
  let [groups, items, lines, columns, wide, current] = [[], [], [], 1, 0, -1];
  root.replaceChildren(stage);
  root.setAttribute("role", "listbox");
  root.setAttribute("aria-label", label);
  root.tabIndex = 0;

  // Lines of cards from top to bottom. Small groups stand side by side in one line; a large one has lines of its own.
  function arrange(isNew) {
    const width = root.clientWidth - 2 * GAP;
    const fitting = Math.max(1, Math.floor((width + GAP) / (least + GAP)));
    wide = (width - GAP * (fitting - 1)) / fitting;
    if (fitting === columns && !isNew) return;
    [columns, lines] = [fitting, []];
    let [top, index, line] = [GAP, 0, null];
    for (const group of groups) {
      const size = group.items.length;
      const hasHead = heading !== null && group.heading !== null;
      if (!line || !hasHead || line.last - line.first + size > columns) {
        top += hasHead ? headingHeight : 0;
        for (let first = index; first < index + size; first += columns) {
          line = { top, first, last: Math.min(first + columns, index + size), heads: [] };
          lines.push(line);
          top += height + GAP;
        }
        top += hasHead ? BETWEEN : 0;
      } else line.last += size;
      if (hasHead && size) addHead(group, index, size);
      if (!hasHead || size >= columns) line = null;
      index += size;
    }
    stage.style.height = `${top}px`;
  }

  function addHead(group, index, size) {
    const own = Math.ceil(size / columns);
    const first = lines[lines.length - own];
    const head = { group, column: index - first.first, span: Math.min(size, columns), top: first.top - headingHeight, height: headingHeight + own * (height + GAP) - GAP };
    for (const one of lines.slice(-own)) one.heads.push(head);
  }

  // The number of the line that ends below `y`.
  function lineAt(y) {
    let [low, high] = [0, lines.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (lines[middle].top + height <= y) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  function lineOf(index) {
    let [low, high] = [0, lines.length - 1];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (lines[middle].first <= index) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  function place(key, make, style) {
    let node = alive.get(key);
    if (!node) {
      node = make();
      stage.append(node);
      alive.set(key, node);
    }
    node.style.cssText = style;
    return node;
  }

  function cardAt(index) {
    const node = card(items[index]);
    node.id = `${root.id}-${index}`;
    node.dataset.index = index;
    node.setAttribute("role", "option");
    node.setAttribute("aria-setsize", items.length);
    node.setAttribute("aria-posinset", index + 1);
    dress(node, items[index]);
    return node;
  }

  function draw() {
    arrange(false);
    const seen = lines.slice(lineAt(root.scrollTop - BEYOND), lineAt(root.scrollTop + root.clientHeight + BEYOND) + 1);
    const wanted = new Set();
    for (const line of seen) {
      for (const head of line.heads) wanted.add(head);
      for (let index = line.first; index < line.last; index += 1) wanted.add(index);
    }
    for (const [key, node] of alive) if (!wanted.has(key)) { node.remove(); alive.delete(key); }
    for (const line of seen) {
      for (const head of line.heads) {
        const [left, across] = [GAP + head.column * (wide + GAP) - PAD, head.span * (wide + GAP) - GAP + 2 * PAD];
        place(head, () => heading(head.group), `left:${left}px;top:${head.top}px;width:${across}px;height:${head.height + PAD}px`);
      }
      for (let index = line.first; index < line.last; index += 1) {
        const left = GAP + (index - line.first) * (wide + GAP);
        place(index, () => cardAt(index), `width:${wide}px;height:${height}px;transform:translate(${left}px,${line.top}px)`)
          .setAttribute("aria-selected", String(index === current));
      }
    }
  }

  function move(index, { isScrolled = true } = {}) {
    if (!items.length) return;
    current = Math.max(0, Math.min(items.length - 1, index));
    const at = lineOf(current);
    const above = lines[at].heads.length ? lines[at].top - headingHeight : lines[at].top;
    const below = lines[at].top + height;
    if (isScrolled && above - GAP < root.scrollTop) root.scrollTop = above - GAP;
    if (isScrolled && below + GAP > root.scrollTop + root.clientHeight) root.scrollTop = below + GAP - root.clientHeight;
    draw();
    root.setAttribute("aria-activedescendant", `${root.id}-${current}`);
    oncurrent(items[current]);
  }

  // Up or down by lines of cards, in the same column as far as there is one.
  function stride(by) {
    const at = lineOf(current);
    const column = current - lines[at].first;
    const line = Math.max(0, Math.min(lines.length - 1, at + by));
    move(Math.min(lines[line].first + column, lines[line].last - 1));
  }

  function show(next) {
    for (const node of alive.values()) node.remove();
    alive.clear();
    groups = heading ? next : [{ items: next }];
    items = heading ? next.flatMap((group) => group.items) : next;
    current = -1;
    root.scrollTop = 0;
    root.removeAttribute("aria-activedescendant");
    arrange(true);
    if (items.length) move(0);
    else { draw(); oncurrent(null); }
  }

  root.addEventListener("scroll", draw, { passive: true });
  root.addEventListener("click", (event) => {
    const node = event.target.closest("[data-index]");
    if (node) move(Number(node.dataset.index), { isScrolled: false });
  });
  // Move by an arrow or a page key; whether it was one.
  function steer(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || !items.length) return false;
    const page = Math.max(1, Math.floor(root.clientHeight / (height + GAP)));
    const keys = {
      ArrowRight: () => move(current + 1), ArrowLeft: () => move(current - 1), Home: () => move(0), End: () => move(items.length - 1),
      ArrowDown: () => stride(1), ArrowUp: () => stride(-1), PageDown: () => stride(page), PageUp: () => stride(-page),
    };
    if (!(event.key in keys)) return false;
    event.preventDefault();
    keys[event.key]();
    return true;
  }

  root.addEventListener("keydown", steer);
  new ResizeObserver(draw).observe(root);
  return {
    show,
    move,
    steer,
    focus: () => root.focus({ preventScroll: true }),
    step: (by) => move(current + by),
    current: () => items[current] ?? null,
    indexOf: (item) => items.indexOf(item),
    redress: () => {
      const isHeld = stage.contains(document.activeElement);
      for (const [key, node] of alive) {
        if (typeof key === "number") { dress(node, items[key]); continue; }
        const made = heading(key.group);
        made.style.cssText = node.style.cssText;
        node.replaceWith(made);
        alive.set(key, made);
      }
      if (isHeld && !stage.contains(document.activeElement)) root.focus({ preventScroll: true });
    },
  };
}
