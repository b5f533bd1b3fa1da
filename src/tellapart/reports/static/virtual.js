// A grid of any number of cards, in groups under headings if there are any, of which only those in sight exist;
// one card is current, and the keyboard moves it.

import { element } from "tellapart/dom.js";

const GAP = 12;
const BETWEEN = 10;
const PAD = 5;
const BEYOND = 260;

// Take a card away; an image of it that has not come yet is not asked for any more.
function dropped(node) {
  for (const image of node.getElementsByTagName("img")) if (!image.complete) image.removeAttribute("src");
  node.remove();
}

class VirtualGrid {
  constructor(root, { card, least, height, label, oncurrent, dress, heading, headingHeight }) {
    this.root = root;
    this.card = card;
    this.least = least;
    this.height = height;
    this.oncurrent = oncurrent;
    this.dress = dress;
    this.heading = heading;
    this.headingHeight = headingHeight;
    this.stage = element("div", { class: "stage", role: "presentation" });
    this.alive = new Map();
    this.groups = [];
    this.items = [];
    this.lines = [];
    this.columns = 1;
    this.wide = 0;
    this.at = -1;
    root.replaceChildren(this.stage);
    root.setAttribute("role", "listbox");
    root.setAttribute("aria-label", label);
    root.tabIndex = 0;
    root.addEventListener("scroll", () => this.draw(), { passive: true });
    root.addEventListener("click", (event) => {
      const node = event.target.closest("[data-index]");
      if (node) this.move(Number(node.dataset.index), { isScrolled: false });
    });
    root.addEventListener("keydown", (event) => this.steer(event));
    new ResizeObserver(() => this.draw()).observe(root);
  }

  // Lines of cards from top to bottom. Small groups stand side by side in one line; a large one has lines of its own.
  arrange(isNew) {
    const { height } = this;
    const width = this.root.clientWidth - 2 * GAP;
    const fitting = Math.max(1, Math.floor((width + GAP) / (this.least + GAP)));
    this.wide = (width - GAP * (fitting - 1)) / fitting;
    if (fitting === this.columns && !isNew) return;
    const columns = fitting;
    this.columns = columns;
    this.lines = [];
    let [top, index, line] = [GAP, 0, null];
    for (const group of this.groups) {
      const size = group.items.length;
      const hasHead = this.heading !== null && group.heading !== null;
      if (!line || !hasHead || line.last - line.first + size > columns) {
        top += hasHead ? this.headingHeight : 0;
        for (let first = index; first < index + size; first += columns) {
          line = { top, first, last: Math.min(first + columns, index + size), heads: [] };
          this.lines.push(line);
          top += height + GAP;
        }
        top += hasHead ? BETWEEN : 0;
      } else line.last += size;
      if (hasHead && size) this.addHead(group, index, size);
      if (!hasHead || size >= columns) line = null;
      index += size;
    }
    this.stage.style.height = `${top}px`;
  }

  addHead(group, index, size) {
    const own = Math.ceil(size / this.columns);
    const first = this.lines[this.lines.length - own];
    const head = {
      group,
      column: index - first.first,
      span: Math.min(size, this.columns),
      top: first.top - this.headingHeight,
      height: this.headingHeight + own * (this.height + GAP) - GAP,
    };
    for (const one of this.lines.slice(-own)) one.heads.push(head);
  }

  // How many of the lines come before `isAfter` holds for one.
  countBefore(isAfter) {
    let [low, high] = [0, this.lines.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (isAfter(this.lines[middle])) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  lineAt(y) {
    return this.countBefore((line) => line.top + this.height > y);
  }

  lineOf(index) {
    return Math.max(0, this.countBefore((line) => line.first > index) - 1);
  }

  place(key, make, style) {
    let node = this.alive.get(key);
    if (!node) {
      node = make();
      this.stage.append(node);
      this.alive.set(key, node);
    }
    node.style.cssText = style;
    return node;
  }

  cardAt(index) {
    const node = this.card(this.items[index]);
    node.id = `${this.root.id}-${index}`;
    node.dataset.index = index;
    node.setAttribute("role", "option");
    node.setAttribute("aria-setsize", this.items.length);
    node.setAttribute("aria-posinset", index + 1);
    this.dress(node, this.items[index]);
    return node;
  }

  draw() {
    this.arrange(false);
    const { root, alive } = this;
    const first = this.lineAt(root.scrollTop - BEYOND);
    const seen = this.lines.slice(first, this.lineAt(root.scrollTop + root.clientHeight + BEYOND) + 1);
    const wanted = new Set();
    for (const line of seen) {
      for (const head of line.heads) wanted.add(head);
      for (let index = line.first; index < line.last; index += 1) wanted.add(index);
    }
    for (const [key, node] of alive) {
      if (wanted.has(key)) continue;
      dropped(node);
      alive.delete(key);
    }
    for (const line of seen) this.drawLine(line);
  }

  drawLine(line) {
    const { wide, height } = this;
    for (const head of line.heads) {
      const left = GAP + head.column * (wide + GAP) - PAD;
      const across = head.span * (wide + GAP) - GAP + 2 * PAD;
      const style = `left:${left}px;top:${head.top}px;width:${across}px;height:${head.height + PAD}px`;
      this.place(head, () => this.heading(head.group), style);
    }
    for (let index = line.first; index < line.last; index += 1) {
      const left = GAP + (index - line.first) * (wide + GAP);
      const style = `width:${wide}px;height:${height}px;transform:translate(${left}px,${line.top}px)`;
      this.place(index, () => this.cardAt(index), style).setAttribute("aria-selected", String(index === this.at));
    }
  }

  move(index, { isScrolled = true } = {}) {
    if (!this.items.length) return;
    const { root, lines } = this;
    this.at = Math.max(0, Math.min(this.items.length - 1, index));
    const line = lines[this.lineOf(this.at)];
    const above = line.heads.length ? line.top - this.headingHeight : line.top;
    const below = line.top + this.height;
    if (isScrolled && above - GAP < root.scrollTop) root.scrollTop = above - GAP;
    const isBelow = below + GAP > root.scrollTop + root.clientHeight;
    if (isScrolled && isBelow) root.scrollTop = below + GAP - root.clientHeight;
    this.draw();
    root.setAttribute("aria-activedescendant", `${root.id}-${this.at}`);
    this.oncurrent(this.items[this.at]);
  }

  // Up or down by lines of cards, in the same column as far as there is one.
  stride(by) {
    const at = this.lineOf(this.at);
    const column = this.at - this.lines[at].first;
    const line = this.lines[Math.max(0, Math.min(this.lines.length - 1, at + by))];
    this.move(Math.min(line.first + column, line.last - 1));
  }

  show(next) {
    for (const node of this.alive.values()) dropped(node);
    this.alive.clear();
    this.groups = this.heading ? next : [{ items: next }];
    this.items = this.heading ? next.flatMap((group) => group.items) : next;
    this.at = -1;
    this.root.scrollTop = 0;
    this.root.removeAttribute("aria-activedescendant");
    this.arrange(true);
    if (this.items.length) this.move(0);
    else {
      this.draw();
      this.oncurrent(null);
    }
  }

  // Move by an arrow or a page key; whether it was one.
  steer(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || !this.items.length) return false;
    const page = Math.max(1, Math.floor(this.root.clientHeight / (this.height + GAP)));
    const keys = {
      ArrowRight: () => this.move(this.at + 1),
      ArrowLeft: () => this.move(this.at - 1),
      Home: () => this.move(0),
      End: () => this.move(this.items.length - 1),
      ArrowDown: () => this.stride(1),
      ArrowUp: () => this.stride(-1),
      PageDown: () => this.stride(page),
      PageUp: () => this.stride(-page),
    };
    if (!(event.key in keys)) return false;
    event.preventDefault();
    keys[event.key]();
    return true;
  }

  focus() {
    this.root.focus({ preventScroll: true });
  }

  step(by) {
    this.move(this.at + by);
  }

  current() {
    return this.items[this.at] ?? null;
  }

  indexOf(item) {
    return this.items.indexOf(item);
  }

  // Dress the cards and draw the headings again, without losing the focus.
  redress() {
    const isHeld = this.stage.contains(document.activeElement);
    for (const [key, node] of this.alive) {
      if (typeof key === "number") {
        this.dress(node, this.items[key]);
        continue;
      }
      const made = this.heading(key.group);
      made.style.cssText = node.style.cssText;
      node.replaceWith(made);
      this.alive.set(key, made);
    }
    if (isHeld && !this.stage.contains(document.activeElement)) this.focus();
  }
}

const PLAIN = { dress: (_node, _item) => {}, heading: null, headingHeight: 0 };

export const virtualGrid = (root, options) => new VirtualGrid(root, { ...PLAIN, ...options });
