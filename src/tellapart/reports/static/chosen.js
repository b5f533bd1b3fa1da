// The images chosen on the map: how many of which class, all of them side by side, and what is decided about all at once.

import { element, grouped, percent } from "tellapart/dom.js";
import { decisionWords } from "tellapart/facts.js";
import { relabeling } from "tellapart/point.js";
import { virtualGrid } from "tellapart/virtual.js";

const NAMED = 5;

export function mountChosen(root, { labels, classNames, colorOf, names, shots, words, decisions, suggestions, decide, onpick, onclear }) {
  const find = (name) => root.querySelector(`[data-chosen=${name}]`);
  const state = { points: [], what: "" };
  let grid = null;

  function card(i) {
    return element("div", { class: "card look", title: names.path(i) }, element("span", { class: "badge" }), shots.shot(i, { isFileMeant: true }),
      element("span", { class: "words" }, ...words(i, true)), element("small", {}, names.file(i)));
  }

  function dress(node, i) {
    const decision = decisions().of(i);
    node.className = `card look${decision ? ` is-${decision.action}` : ""}`;
    node.querySelector(".badge").textContent = decisionWords(decision);
    node.setAttribute("aria-label", [names.file(i), decisionWords(decision)].filter(Boolean).join(", "));
  }

  function mixture() {
    const counts = new Map();
    for (const i of state.points) counts.set(labels[i], (counts.get(labels[i]) ?? 0) + 1);
    return [...counts].sort((a, b) => b[1] - a[1]);
  }

  function show(points, what = "") {
    Object.assign(state, { points, what });
    root.hidden = !points.length;
    if (!points.length) return;
    grid ??= virtualGrid(find("grid"), { card, dress, least: 112, height: 164, label: "Images chosen", oncurrent: (i) => i !== null && isReady && onpick(i) });
    isReady = false;
    grid.show(points);
    isReady = true;
    tell();
  }
  let isReady = false;

  function tell() {
    const { points, what } = state;
    if (!points.length) return;
    const total = points.length;
    const parts = mixture();
    const name = (k) => (k < 0 ? "no label" : classNames[k]);
    find("count").textContent = `${grouped(total)} image${total === 1 ? "" : "s"} chosen${what ? `: ${what}` : ""}`;
    const told = parts.slice(0, NAMED).map(([k, count]) => `${name(k)} ${grouped(count)} (${percent(count / total, 0)})`).join(", ");
    find("mix").textContent = classNames.length ? told + (parts.length > NAMED ? ` and ${parts.length - NAMED} more classes` : "") : "";
    find("bar").replaceChildren(...(classNames.length ? parts.map(([k, count]) => element("i", { style: `width:${(100 * count) / total}%;background:${colorOf(k)}`, title: `${name(k)}: ${count}` })) : []));
    const done = points.filter((i) => decisions().of(i));
    const press = (text, onclick, kind = "") => element("button", { type: "button", class: `press ${kind}`, onclick }, text);
    const focused = document.activeElement;
    const held = root.contains(focused) && focused instanceof HTMLInputElement ? focused.value : null;
    find("presses").replaceChildren(...[
      relabeling("Relabel all to …", suggestions, (to) => decide(points, "relabel", to)),
      press("Exclude all", () => decide(points, "exclude"), "danger"),
      done.length ? press(`Take back ${grouped(done.length)}`, () => decide(points, null)) : null,
      press("Copy paths", copy),
      press("Let go", onclear),
    ].filter(Boolean));
    if (held !== null) find("presses").querySelector("input").focus();
    grid.redress();
  }

  async function copy(event) {
    const button = event.currentTarget;
    const text = state.points.map((i) => names.path(i)).join("\n");
    button.textContent = (await written(text)) ? `Copied ${grouped(state.points.length)}` : "The browser refused";
    setTimeout(() => { button.textContent = "Copy paths"; }, 2500);
  }

  return { show, tell, points: () => state.points };
}

async function written(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const field = document.body.appendChild(element("textarea", { "aria-hidden": "true", style: "position:fixed;left:-200vw" }));
    field.value = text;
    field.select();
    try { return document.execCommand("copy"); } catch { return false; } finally { field.remove(); }
  }
}
