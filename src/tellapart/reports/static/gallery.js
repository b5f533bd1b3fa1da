// The images themselves: filters, order, a virtual grid, the one looked at in full, and what is decided about it.

import { detail } from "tellapart/detail.js";
import { choice, element, grouped, labeledSelect, percent, thumbnail } from "tellapart/dom.js";
import { address, decidedWords, decisionButtons, decisionWords, portrait } from "tellapart/facts.js";
import { mountLarge } from "tellapart/large.js";
import { virtualGrid } from "tellapart/virtual.js";

const FEW = 8;
const LONG = 15;
const KEYS = { x: "exclude", k: "keep", r: "relabel" };
const byPath = (a, b) => (a.path < b.path ? -1 : 1);
const ORDERS = {
  given: ["Wrong first, then least certain", null],
  sure: ["Surest first", (a, b) => b.probabilities[0][1] - a.probabilities[0][1]],
  unsure: ["Least certain first", (a, b) => a.margin - b.margin],
  path: ["By path", byPath],
};
const KINDS = {
  wrong: ["Wrong", (image) => image.is_wrong],
  doubtful: ["Label perhaps wrong", (image) => image.is_doubtful],
  unsure: ["Unsure", (image) => image.is_unsure],
  all: ["All", () => true],
};

class Gallery {
  // `decisions` are about the images by their place in `gallery.images`.
  constructor(root, { gallery, classNames, thumbnails, heatMaps, root: folder, decisions, onclear }) {
    this.root = root;
    this.gallery = gallery;
    this.classNames = classNames;
    this.thumbnails = thumbnails;
    this.heatMaps = heatMaps;
    this.isHeat = false;
    this.folder = folder;
    this.decisions = decisions;
    this.onclear = onclear;
    this.images = gallery.images;
    this.placeOf = new Map(this.images.map((image, place) => [image, place]));
    const wrong = this.images.filter((image) => image.is_wrong);
    const kind = wrong.length >= FEW ? "wrong" : "all";
    this.state = { kind, name: "", part: "", order: "given", cell: null };
    this.mountGrid(wrong);
    this.mountTools();
    root.addEventListener("keydown", (event) => this.onkey(event));
    this.find("detail").addEventListener("change", () => this.focus());
    root.addEventListener("dblclick", ({ target }) => {
      if (target.closest(".card") && !target.closest("button")) this.large.show();
    });
    this.change({});
  }

  find(name) {
    return this.root.querySelector(`[data-gallery=${name}]`);
  }

  mountGrid(wrong) {
    const wordsOf = (image) => this.classNames[image.label].length + this.classNames[image.predicted].length + 3;
    const longest = Math.max(0, ...wrong.map(wordsOf));
    this.grid = virtualGrid(this.find("grid"), {
      least: 132,
      height: longest > LONG ? 193 : 176,
      label: "Images",
      card: (image) => this.card(image),
      dress: (node, image) => this.dress(node, image),
      oncurrent: (image) => {
        this.look(image);
        if (this.large.isOpen()) this.large.show();
      },
    });
    this.large = mountLarge(this.root.querySelector("dialog"), {
      grid: () => this.grid,
      image: (image) => this.portraitOf(image),
      facts: (image) => this.factsOf(image),
    });
  }

  mountTools() {
    const { classNames, images } = this;
    const count = (keep) => images.filter(keep).length;
    const shown = Object.entries(KINDS).filter(([key, [, keep]]) => key !== "doubtful" || count(keep));
    this.kinds = choice(this.find("kinds"), {
      label: "Which images",
      value: this.state.kind,
      options: shown.map(([key, [words, keep]]) => [key, `${words} ${grouped(count(keep))}`]),
      onchoice: (kind) => this.change({ kind, cell: null }),
      onend: () => this.focus(),
    });
    const classes = [["", "all classes"], ...classNames.map((name, k) => [String(k), name])];
    const orders = Object.entries(ORDERS).map(([key, [words]]) => [key, words]);
    const parts = [...new Set(images.map((image) => image.part))];
    const partOptions = [["", "all parts"], ...parts.map((part) => [part, part])];
    this.find("tools").append(
      labeledSelect("Class", "name", classes, (name) => this.change({ name })),
      ...(parts.length > 1 ? [labeledSelect("Part", "part", partOptions, (part) => this.change({ part }))] : []),
      labeledSelect("Order", "order", orders, (order) => this.change({ order })),
    );
  }

  focus() {
    this.grid.focus();
  }

  // Where the model looked, if that was asked for and is known.
  heatOf(image) {
    const source = this.isHeat ? this.heatMaps[image.image_id] : null;
    if (!source) return null;
    const words = `where the model looked for ${this.classNames[image.predicted]}`;
    return element("div", { class: "portrait" }, element("img", { src: source, alt: words, draggable: "false" }));
  }

  // A button for it, on the images that have such a map.
  heatButton(image) {
    if (!(image.image_id in this.heatMaps)) return null;
    const title = `Grad-CAM: the brighter, the more it speaks for ${this.classNames[image.predicted]} (g)`;
    const button = element(
      "button",
      { type: "button", class: "press", "data-act": "g", title, "aria-pressed": String(this.isHeat) },
      "Where it looked ",
      element("kbd", {}, "g"),
    );
    button.addEventListener("click", () => this.toggleHeat());
    return button;
  }

  toggleHeat() {
    const image = this.grid.current();
    if (!image || !(image.image_id in this.heatMaps)) return;
    this.isHeat = !this.isHeat;
    const isHeld = this.find("detail").contains(document.activeElement);
    this.look(image);
    const own = /** @type {HTMLElement | null} */ (this.find("detail").querySelector("[data-act=g]"));
    if (isHeld) (own ?? this.grid.root).focus();
    if (this.large.isOpen()) this.large.show();
  }

  portraitOf(image) {
    const heat = this.heatOf(image);
    if (heat) return heat;
    return portrait(this.thumbnails, image, address(this.folder, image));
  }

  look(image) {
    if (!image) {
      this.find("detail").replaceChildren(element("p", { class: "empty" }, "No image fits."));
      return;
    }
    const onclick = () => this.large.show();
    const frame = element("button", { type: "button", class: "frame", title: "Larger (Enter)", onclick });
    frame.append(this.portraitOf(image));
    this.find("detail").replaceChildren(frame, this.factsOf(image));
  }

  factsOf(image) {
    const { classNames, thumbnails, gallery, folder } = this;
    const panel = detail(image, { classNames, thumbnails, trainingImages: gallery.training_images });
    const decision = this.decisionOf(image);
    const words = decision ? decidedWords(decision) : "";
    const said = decision ? [element("p", { class: `decided is-${decision.action}` }, words)] : [];
    const buttons = this.buttons(image, decision);
    const heat = this.heatButton(image);
    if (heat) buttons.append(heat);
    panel.querySelector(".verdict").after(...said, buttons);
    const source = address(folder, image);
    const link = { class: "open", href: source, target: "_blank", rel: "noopener" };
    if (source) panel.append(element("a", link, "Open the file"));
    return panel;
  }

  buttons(image, decision) {
    const { classNames } = this;
    const label = image.label === null ? null : classNames[image.label];
    const row = { image_id: image.image_id, label, suggested: classNames[image.predicted], probability: null };
    const own = (action) => (value) => this.act(action, image, typeof value === "string" ? value : null);
    const names = ["exclude", "keep", "relabel", "takeBack"];
    const actions = Object.fromEntries(names.map((name) => [name, own(name)]));
    return decisionButtons(row, decision, null, actions, classNames);
  }

  decisionOf(image) {
    return this.decisions.of(this.placeOf.get(image));
  }

  act(action, image, to = null) {
    const row = this.placeOf.get(image);
    if (action === "takeBack") {
      this.decisions.takeBack([row]);
      return true;
    }
    const name = to ?? this.classNames[image.predicted];
    if (action === "relabel" && image.label !== null && name === this.classNames[image.label]) return this.menu();
    const renamed = action === "relabel" ? name : null;
    this.decisions.decide([{ row, action, new: renamed, why: "report", isOfFile: false }]);
    return true;
  }

  menu() {
    const side = this.large.isOpen() ? this.large.facts() : this.find("detail");
    /** @type {HTMLElement | null} */ (side.querySelector("select[data-look=menu]"))?.focus();
    return false;
  }

  card(image) {
    const { classNames } = this;
    const label = image.label === null ? "?" : classNames[image.label];
    const sure = image.probabilities.find(([k]) => k === image.predicted)[1];
    const words = image.label === image.predicted ? `${label} ✓` : `${label} → ${classNames[image.predicted]}`;
    const kind = image.is_wrong ? "card wrong" : "card";
    return element(
      "div",
      { class: kind, title: image.path, "data-words": `${words}, ${percent(sure)}` },
      element("span", { class: "badge" }),
      thumbnail(this.thumbnails, image.image_id, ""),
      element("span", { class: "words" }, words),
      element("span", { class: "sure" }, element("i", { style: `width:${(100 * sure).toFixed(0)}%` })),
      element("small", {}, `${percent(sure)} · ${image.path.split("/").pop()}`),
    );
  }

  dress(node, image) {
    const decision = this.decisionOf(image);
    const kinds = ["card", image.is_wrong && "wrong", decision && `is-${decision.action}`];
    node.className = kinds.filter(Boolean).join(" ");
    node.querySelector(".badge").textContent = decisionWords(decision);
    node.setAttribute("aria-label", [node.dataset.words, decisionWords(decision)].filter(Boolean).join(", "));
  }

  fits(image) {
    const { cell, name, part, kind } = this.state;
    if (cell) return image.label === cell.label && image.predicted === cell.predicted && image.part === cell.part;
    const isOfClass = !name || image.label === Number(name) || image.predicted === Number(name);
    return KINDS[kind][1](image) && (!part || image.part === part) && isOfClass;
  }

  change(changed) {
    const hadCell = this.state.cell;
    Object.assign(this.state, changed);
    const { cell, order, kind } = this.state;
    if (hadCell && !cell) this.onclear();
    const found = this.images.filter((image) => this.fits(image));
    const compare = ORDERS[order][1];
    if (compare) found.sort(compare);
    this.kinds.choose(cell ? "" : kind);
    this.tell(found.length);
    this.grid.show(found);
  }

  tell(count) {
    const { cell } = this.state;
    const total = grouped(this.images.length);
    if (!cell) {
      const words = count ? `${grouped(count)} of the ${total} images on this page.` : "No image on this page fits.";
      this.find("status").replaceChildren(words);
      return;
    }
    const { classNames } = this;
    const left = cell.count > count ? ` of the ${grouped(cell.count)} in this cell` : "";
    const kind = `labeled ${classNames[cell.label]}, taken for ${classNames[cell.predicted]}`;
    const letGo = () => {
      this.change({ cell: null });
      this.focus();
    };
    const button = element("button", { type: "button", class: "link", onclick: letGo }, "Show the others again");
    this.find("status").replaceChildren(` ${grouped(count)}${left} ${kind}. `, button);
  }

  onkey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("select, .tools")) return;
    const image = this.grid.current();
    const isOpen = this.large.isOpen();
    if (!isOpen && this.find("detail").contains(event.target) && this.grid.steer(event)) {
      this.focus();
      return;
    }
    if (!image) return;
    const key = event.key.toLowerCase();
    if (key in KEYS) {
      if (this.act(KEYS[key], image)) this.grid.step(1);
    } else if (key === "m") this.menu();
    else if (key === "g") this.toggleHeat();
    else if (key === "u") this.decisions.takeBack([this.placeOf.get(image)]);
    else if (key === "enter" && !isOpen && !event.target.closest("button, a, summary")) this.large.show();
    else return;
    event.preventDefault();
  }

  redraw() {
    this.grid.redress();
    const image = this.grid.current();
    if (!image) return;
    const isHeld = this.find("detail").contains(document.activeElement);
    this.find("detail").lastElementChild.replaceWith(this.factsOf(image));
    if (isHeld) this.focus();
    if (this.large.isOpen()) this.large.facts().replaceChildren(this.factsOf(image));
  }

  showCell(cell) {
    this.change({ cell });
  }

  showPart(part) {
    const select = /** @type {HTMLSelectElement | null} */ (this.root.querySelector("[data-filter=part] select"));
    if (select) select.value = part;
    this.change({ part: select ? part : "", cell: null });
  }

  showImageAt(place) {
    return this.showImage(this.images[place]?.image_id);
  }

  showImage(imageId) {
    const image = this.images.find((one) => one.image_id === imageId);
    if (!image) return false;
    if (this.grid.indexOf(image) < 0) this.change({ kind: "all", name: "", part: "", cell: null });
    this.grid.move(this.grid.indexOf(image));
    return true;
  }
}

export const mountGallery = (root, options) => new Gallery(root, options);
