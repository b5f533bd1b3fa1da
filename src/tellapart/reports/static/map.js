// The map of the report: hover, touch or arrow keys show an image; Enter or a click opens it in the gallery; an entry
// of the legend shows one kind alone.

import { choice, element, labeledSelect, thumbnail } from "tellapart/dom.js";
import { colorOf, MOST } from "tellapart/palette.js";
import { keepPlaces } from "tellapart/places.js";
import { mountScatter } from "tellapart/scatter.js";
import { mountThumbs } from "tellapart/thumbs.js";

const PARTS = ["train", "val", "test"];
const FULL = 65535;

class ReportMap {
  constructor(root, { points, classNames, thumbnails, onimage }) {
    this.points = points;
    this.classNames = classNames;
    this.thumbnails = thumbnails;
    const frame = element("div", { class: "map-frame" });
    this.legend = element("ul", { class: "legend" });
    const tools = element("div", { class: "tools" });
    root.replaceChildren(tools, frame, this.legend);
    this.state = { by: "class", only: null, label: null };
    this.largest = largest(points.label);
    const places = keepPlaces(
      points.x.map((x) => x * FULL),
      points.y.map((y) => y * FULL),
    );
    const shots = {
      shot: (i) => thumbnail(thumbnails, points.image_id[i], ""),
      has: (i) => points.image_id[i] in thumbnails,
    };
    this.scatter = mountScatter(frame, {
      places,
      thumbs: mountThumbs(shots),
      tip: (i) => this.tip(i),
      onpick: (i) => onimage(points.image_id[i]),
      onchoose: () => {},
      ontoggle: () => {},
    });
    this.mountTools(tools);
    this.paint();
  }

  mountTools(tools) {
    const colors = element("div");
    const press = (words, title, onclick) =>
      element("button", { type: "button", class: "press", title, "aria-label": title, onclick }, words);
    tools.append(
      colors,
      press("−", "Zoom out", () => this.scatter.zoomBy(1 / 1.6)),
      press("+", "Zoom in", () => this.scatter.zoomBy(1.6)),
      press("Fit", "Show the whole map", () => this.scatter.zoomBy(0)),
    );
    if (this.classNames.length > MOST) {
      const options = [["", "all classes"], ...this.classNames.map((name, k) => [String(k), name])];
      tools.append(labeledSelect("Class", "class", options, (k) => this.onlyClass(k)));
    }
    choice(colors, {
      label: "Color by",
      value: "class",
      options: [
        ["class", "Class"],
        ["answer", "Right or wrong"],
        ["part", "Part"],
      ],
      onchoice: (by) => this.by(by),
    });
  }

  by(key) {
    Object.assign(this.state, { by: key, only: null });
    this.paint();
  }

  onlyClass(k) {
    Object.assign(this.state, { only: null, label: k === "" ? null : Number(k) });
    this.paint();
  }

  // How the points are colored: of(i) is the number of a point's kind, each with a name and a color.
  kinds() {
    const { points, classNames, largest: shown } = this;
    const gray = "var(--class-x)";
    const { by } = this.state;
    if (by === "answer") {
      const of = points.is_wrong.map((isWrong, i) => (points.predicted[i] === null ? 2 : isWrong ? 1 : 0));
      return {
        of,
        entries: [
          ["right", "var(--accent)"],
          ["wrong", "var(--wrong)"],
          ["not reported", gray],
        ],
      };
    }
    if (by === "part") {
      const of = points.part.map((part) => (PARTS.includes(part) ? PARTS.indexOf(part) : PARTS.length));
      const names = ["train", "validation", "test"];
      return { of, entries: [...names.map((name, k) => [name, colorOf(k)]), ["not used", gray]] };
    }
    const place = new Map(shown.map((label, k) => [label, k]));
    const entries = shown.map((label, k) => [classNames[label], colorOf(k)]);
    const of = points.label.map((label) => place.get(label) ?? shown.length);
    return { of, entries: [...entries, ["others or no label", gray]] };
  }

  paint() {
    const { points } = this;
    const { only, by, label } = this.state;
    const { of, entries } = this.kinds();
    const isOff = (i) => (only !== null && of[i] !== only) || (label !== null && points.label[i] !== label);
    const wrong = by === "answer" ? [] : [...points.is_wrong.keys()].filter((i) => points.is_wrong[i]);
    this.scatter.color(
      (i) => of[i],
      entries.map(([, color]) => color),
      isOff,
      wrong,
    );
    const present = new Set(of);
    const shown = entries.map(([name, color], k) => [name, color, k]).filter(([, , k]) => present.has(k));
    const entry = ([name, color, k]) => {
      const onclick = () => {
        this.state.only = only === k ? null : k;
        this.paint();
        /** @type {HTMLElement} */ (this.legend.querySelector(`[data-kind="${k}"]`)).focus();
      };
      const swatch = element("i", { style: `background:${color}` });
      const pressed = String(only === k);
      return element(
        "li",
        {},
        element("button", { type: "button", "data-kind": k, "aria-pressed": pressed, onclick }, swatch, name),
      );
    };
    const cross = wrong.length ? [element("li", {}, element("b", {}, "✕"), "wrong")] : [];
    this.legend.replaceChildren(...shown.map(entry), ...cross);
  }

  tip(i) {
    const { points, classNames } = this;
    const name = (k) => (k === null ? "no label" : classNames[k]);
    const label = name(points.label[i]);
    const words = points.is_wrong[i] ? `${label} → ${name(points.predicted[i])}` : label;
    return [
      thumbnail(this.thumbnails, points.image_id[i], ""),
      element("b", {}, words),
      element("span", {}, `${points.part[i] ?? "not used"} · ${points.path[i]}`),
    ];
  }
}

// The labels with the most points, in their own order, as many as there are colors.
function largest(labels) {
  const counts = new Map();
  for (const label of labels) if (label !== null) counts.set(label, (counts.get(label) ?? 0) + 1);
  const ranked = [...counts].sort((a, b) => b[1] - a[1] || a[0] - b[0]);
  return ranked
    .slice(0, MOST)
    .map(([k]) => k)
    .sort((a, b) => a - b);
}

export const mountMap = (root, options) => new ReportMap(root, options);
