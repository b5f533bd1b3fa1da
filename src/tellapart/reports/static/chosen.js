// The images selected on the map: how many of which class, all of them side by side, and what is decided about all at
// once.

import { copied } from "tellapart/copyable.js";
import { element, grouped, percent } from "tellapart/dom.js";
import { decisionWords } from "tellapart/facts.js";
import { relabeling } from "tellapart/point.js";
import { virtualGrid } from "tellapart/virtual.js";

const NAMED = 5;
const REST_MS = 2500;

class Chosen {
  // `page` gives labels, classNames, colorOf, names, shots, words, decisions, suggestions, decide, onpick and onclear.
  constructor(root, page) {
    this.root = root;
    this.page = page;
    this.chosen = [];
    this.what = "";
    this.grid = null;
    this.isReady = false;
  }

  find(name) {
    return this.root.querySelector(`[data-chosen=${name}]`);
  }

  card(i) {
    const { names, shots, words } = this.page;
    return element(
      "div",
      { class: "card look", title: names.path(i) },
      element("span", { class: "badge" }),
      shots.shot(i, { isFileMeant: true }),
      element("span", { class: "words" }, ...words(i, true)),
      element("small", {}, names.file(i)),
    );
  }

  dress(node, i) {
    const decision = this.page.decisions().of(i);
    node.className = `card look${decision ? ` is-${decision.action}` : ""}`;
    node.querySelector(".badge").textContent = decisionWords(decision);
    node.setAttribute("aria-label", [this.page.names.file(i), decisionWords(decision)].filter(Boolean).join(", "));
  }

  mixture() {
    const { labels } = this.page;
    const counts = new Map();
    for (const i of this.chosen) counts.set(labels[i], (counts.get(labels[i]) ?? 0) + 1);
    return [...counts].sort((a, b) => b[1] - a[1]);
  }

  show(points, what = "") {
    this.chosen = points;
    this.what = what;
    this.root.hidden = !points.length;
    if (!points.length) return;
    this.grid ??= virtualGrid(this.find("grid"), {
      card: (i) => this.card(i),
      dress: (node, i) => this.dress(node, i),
      least: 96,
      height: 150,
      label: "Images selected",
      oncurrent: (i) => {
        if (i !== null && this.isReady) this.page.onpick(i);
      },
    });
    this.isReady = false;
    this.grid.show(points);
    this.isReady = true;
    this.tell();
  }

  tell() {
    const { chosen, what, page } = this;
    if (!chosen.length) return;
    const { classNames } = page;
    const total = chosen.length;
    const parts = this.mixture();
    const name = (k) => (k < 0 ? "no label" : classNames[k]);
    const about = what ? `: ${what}` : "";
    this.find("count").textContent = `${grouped(total)} image${total === 1 ? "" : "s"} selected${about}`;
    const share = ([k, count]) => `${name(k)} ${grouped(count)} (${percent(count / total, 0)})`;
    const told = parts.slice(0, NAMED).map(share).join(", ");
    const more = parts.length > NAMED ? ` and ${parts.length - NAMED} more classes` : "";
    this.find("mix").textContent = classNames.length ? told + more : "";
    const piece = ([k, count]) =>
      element("i", {
        style: `width:${(100 * count) / total}%;background:${page.colorOf(k)}`,
        title: `${name(k)}: ${count}`,
      });
    this.find("bar").replaceChildren(...(classNames.length ? parts.map(piece) : []));
    this.tellPresses();
    this.grid.redress();
  }

  tellPresses() {
    const { chosen, page, root } = this;
    const done = chosen.filter((i) => page.decisions().of(i)).length;
    const press = (text, onclick, kind = "") =>
      element("button", { type: "button", class: `press ${kind}`, onclick }, text);
    const focused = document.activeElement;
    const held = root.contains(focused) && focused instanceof HTMLInputElement;
    const buttons = [
      relabeling("Relabel all to …", page.suggestions, (to) => page.decide(chosen, "relabel", to)),
      press("Exclude all", () => page.decide(chosen, "exclude"), "danger"),
      done ? press(`Take back ${grouped(done)}`, () => page.decide(chosen, null)) : null,
      press("Copy paths", (event) => this.copy(event.currentTarget)),
      press("Clear selection", page.onclear),
    ];
    this.find("presses").replaceChildren(...buttons.filter(Boolean));
    if (held) this.find("presses").querySelector("input").focus();
  }

  async copy(button) {
    const { chosen, page } = this;
    const list = element("textarea", { "aria-hidden": "true", style: "position:fixed;left:-200vw" });
    list.textContent = chosen.map((i) => page.names.path(i)).join("\n");
    document.body.append(list);
    button.textContent = (await copied(list.value, list)) ? `Copied ${grouped(chosen.length)}` : "The browser refused";
    list.remove();
    setTimeout(() => {
      button.textContent = "Copy paths";
    }, REST_MS);
  }

  points() {
    return this.chosen;
  }
}

export const mountChosen = (root, page) => new Chosen(root, page);
