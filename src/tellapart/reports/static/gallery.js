// The images themselves: filters, order, a virtual grid and the one looked at in full.

import { detail } from "tellapart/detail.js";
import { choice, element, grouped, percent, thumbnail } from "tellapart/dom.js";
import { address, portrait } from "tellapart/facts.js";
import { mountLarge } from "tellapart/large.js";
import { virtualGrid } from "tellapart/virtual.js";

const FEW = 8;
const ORDERS = {
  given: ["Wrong first, then least certain", null],
  sure: ["Surest first", (a, b) => b.probabilities[0][1] - a.probabilities[0][1]],
  unsure: ["Least certain first", (a, b) => a.margin - b.margin],
  path: ["By path", (a, b) => (a.path < b.path ? -1 : 1)],
};
const KINDS = {
  wrong: ["Wrong", (image) => image.is_wrong],
  unsure: ["Unsure", (image) => image.is_unsure],
  all: ["All", () => true],
};

export function mountGallery(root, { gallery, classNames, thumbnails, root: folder, onclear }) {
  const find = (name) => root.querySelector(`[data-gallery=${name}]`);
  const state = { kind: gallery.images.filter((image) => image.is_wrong).length >= FEW ? "wrong" : "all", name: "", part: "", order: "given", cell: null };
  const longest = Math.max(0, ...gallery.images.filter((image) => image.is_wrong).map((image) =>
    classNames[image.label].length + classNames[image.predicted].length + 3));
  const grid = virtualGrid(find("grid"), {
    least: 132, height: longest > 15 ? 193 : 176, label: "Images", card,
    oncurrent: (image) => { look(image); large.isOpen() && large.show(); },
  });
  const shot = (image) => portrait(thumbnails, image, address(folder, image));
  const words = (image) => detail(image, { classNames, thumbnails, trainingImages: gallery.training_images });
  const large = mountLarge(root.querySelector("dialog"), { grid: () => grid, image: shot, facts: words });
  const parts = [...new Set(gallery.images.map((image) => image.part))];
  const kinds = choice(find("kinds"), { label: "Which images", value: state.kind, options: Object.entries(KINDS).map(([key, [words, keep]]) =>
    [key, `${words} ${grouped(gallery.images.filter(keep).length)}`]), onchoice: (kind) => change({ kind, cell: null }), onend: () => grid.focus() });
  find("tools").append(
    select("Class", [["", "every class"], ...classNames.map((name, k) => [String(k), name])], (name) => change({ name })),
    ...(parts.length > 1 ? [select("Part", [["", "every part"], ...parts.map((part) => [part, part])], (part) => change({ part }))] : []),
    select("Order", Object.entries(ORDERS).map(([key, [words]]) => [key, words]), (order) => change({ order })));

  function look(image) {
    if (!image) return find("detail").replaceChildren(element("p", { class: "empty" }, "No image fits."));
    const frame = element("button", { type: "button", class: "frame", title: "Larger (Enter)", onclick: large.show }, shot(image));
    const source = address(folder, image);
    return find("detail").replaceChildren(frame, words(image),
      source ? element("a", { class: "open", href: source, target: "_blank", rel: "noopener" }, "Open the file") : "");
  }

  function card(image) {
    const label = image.label === null ? "?" : classNames[image.label];
    const sure = image.probabilities.find(([k]) => k === image.predicted)[1];
    const words = image.label === image.predicted ? `${label} ✓` : `${label} → ${classNames[image.predicted]}`;
    return element("div", { class: image.is_wrong ? "card wrong" : "card", title: image.path, "aria-label": `${words}, ${percent(sure)}` },
      thumbnail(thumbnails, image.image_id, ""),
      element("span", { class: "words" }, words),
      element("span", { class: "sure" }, element("i", { style: `width:${(100 * sure).toFixed(0)}%` })),
      element("small", {}, `${percent(sure)} · ${image.path.split("/").pop()}`));
  }

  function change(changed) {
    const hadCell = state.cell;
    Object.assign(state, changed);
    if (hadCell && !state.cell) onclear();
    const { cell, name, part } = state;
    const isIn = cell
      ? (image) => image.label === cell.label && image.predicted === cell.predicted && image.part === cell.part
      : (image) => KINDS[state.kind][1](image) && (!part || image.part === part)
        && (!name || image.label === Number(name) || image.predicted === Number(name));
    const found = gallery.images.filter(isIn);
    if (ORDERS[state.order][1]) found.sort(ORDERS[state.order][1]);
    kinds.choose(cell ? "" : state.kind);
    tell(found.length);
    grid.show(found);
  }

  function tell(count) {
    const { cell } = state;
    if (!cell) return find("status").replaceChildren(count ? `${grouped(count)} of the ${grouped(gallery.images.length)} images on this page.` : "No image on this page fits.");
    const left = cell.count > count ? ` of the ${grouped(cell.count)} in this cell` : "";
    const words = ` ${grouped(count)}${left} labeled ${classNames[cell.label]}, taken for ${classNames[cell.predicted]}. `;
    return find("status").replaceChildren(words, element("button", { type: "button", class: "link", onclick: () => { change({ cell: null }); grid.focus(); } }, "Show the others again"));
  }

  root.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || large.isOpen() || event.target.closest("select, .tools")) return;
    if (find("detail").contains(event.target) && grid.steer(event)) { grid.focus(); return; }
    if (event.key !== "Enter" || event.target.closest("button, a")) return;
    event.preventDefault();
    large.show();
  });
  root.addEventListener("dblclick", (event) => event.target.closest(".card") && large.show());

  change({});
  return {
    focus: grid.focus,
    showCell: (cell) => change({ cell }),
    showImage(imageId) {
      const image = gallery.images.find((one) => one.image_id === imageId);
      if (!image) return false;
      if (grid.indexOf(image) < 0) change({ kind: "all", name: "", part: "", cell: null });
      grid.move(grid.indexOf(image));
      return true;
    },
  };
}

function select(label, options, onchange) {
  return element("label", { class: "select" }, element("span", {}, label),
    element("select", { onchange: (event) => onchange(event.target.value) }, ...options.map(([value, words]) => element("option", { value }, words))));
}
