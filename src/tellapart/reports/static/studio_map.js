// The map that explore has made: images that look alike lie close together. What is drawn around, a class or a cluster
// is shown beside it, to be decided about at once.

import { choice, element, grouped } from "tellapart/dom.js";
import { clusterColorOf, colorOf } from "tellapart/palette.js";
import { keepPlaces } from "tellapart/places.js";
import { mountScatter } from "tellapart/scatter.js";
import { get } from "tellapart/studio_api.js";
import { mountBench } from "tellapart/studio_bench.js";
import { clusterForm } from "tellapart/studio_clusters.js";
import { clusterNames } from "tellapart/studio_filters.js";
import { mountWaiting } from "tellapart/studio_jobs.js";
import { makeLens } from "tellapart/studio_lens.js";
import { mountPage, sayError } from "tellapart/studio_shell.js";
import { mountThumbs } from "tellapart/thumbs.js";

const ZOOM = 1.6;

class ImageMap {
  constructor(main, store, lens) {
    this.store = store;
    this.lens = lens;
    this.by = lens.map.clusters.length && !store.label.some((label) => label >= 0) ? "cluster" : "class";
    this.only = null;
    this.tools = element("div", { class: "tools" });
    this.legend = element("ul", { class: "legend" });
    const frame = element("div", { class: "map-frame" });
    const benchPane = element("div", { class: "bench-pane" });
    const pane = element("div", { class: "map-pane" }, this.tools, frame, this.legend);
    main.append(element("div", { class: "with-map" }, pane, benchPane));
    this.bench = mountBench(benchPane, { store, lens });
    this.status = element("p", { class: "status", role: "status" });
    this.whole = element("div", { class: "presses" });
    this.bench.heads.append(this.whole, this.status);
    const { row, x, y } = lens.map;
    this.pointOf = new Map([...row].map((i, point) => [i, point]));
    this.scatter = mountScatter(frame, {
      places: keepPlaces(x, y),
      thumbs: mountThumbs({ shot: (point) => this.shot(point), has: (point) => store.thumb(row[point]) !== null }),
      tip: (point) => [
        this.shot(point),
        element("b", {}, store.labelName(row[point]) ?? "no label"),
        store.file(row[point]),
      ],
      onpick: (point) => point >= 0 && this.show([point]),
      onchoose: (points) => this.show([...points]),
      ontoggle: (point) => this.show([point]),
    });
    this.mountTools();
    this.paint();
    this.show([...row.keys()]);
    store.onchange(() => this.paint());
  }

  shot(point) {
    const source = this.store.thumb(this.lens.map.row[point]);
    const image = source ? element("img", { src: source, alt: "" }) : element("span", { class: "no-image" });
    return element("span", { class: "shot-frame" }, image);
  }

  mountTools() {
    const { lens, scatter } = this;
    const colors = element("div");
    const options = [["class", "Class"]];
    if (lens.map.clusters.length) options.push(["cluster", "Cluster"]);
    if (lens.run) options.push(["said", "Run says"]);
    choice(colors, {
      label: "Color by",
      value: this.by,
      options,
      onchoice: (by) => {
        Object.assign(this, { by, only: null });
        this.paint();
      },
    });
    const press = (words, onclick, title) =>
      element("button", { type: "button", class: "press", title, onclick }, words);
    const draw = press(
      "Draw around",
      () => turn(draw, (isOn) => scatter.lasso(isOn)),
      "Select by drawing around images (or hold Shift)",
    );
    const small = press("Images", () => turn(small, (isOn) => scatter.thumbs(isOn)), "Show small images");
    const zoom = [
      press("+", () => scatter.zoomBy(ZOOM), "Closer"),
      press("−", () => scatter.zoomBy(1 / ZOOM), "Farther"),
    ];
    this.tools.append(colors, draw, small, ...zoom);
  }

  // Kind of each point, and the kinds with name and color.
  kinds() {
    const { store, lens, by } = this;
    const { row, cluster } = lens.map;
    if (by === "cluster") {
      const entries = clusterNames(lens.map).map(([number, name]) => ({
        kind: Number(number),
        name,
        color: clusterColorOf(Number(number)),
      }));
      return { of: (point) => cluster[point], entries };
    }
    const of = by === "said" ? (point) => lens.run.predicted[row[point]] : (point) => store.label[row[point]];
    const counts = new Map();
    for (let point = 0; point < row.length; point += 1) counts.set(of(point), (counts.get(of(point)) ?? 0) + 1);
    const kinds = [...counts].sort((a, b) => b[1] - a[1]).map(([kind]) => kind);
    const named = (kind) => (kind < 0 ? "no label" : store.classNames[kind]);
    return {
      of,
      entries: kinds.map((kind, k) => ({ kind, name: named(kind), color: kind < 0 ? "var(--class-x)" : colorOf(k) })),
    };
  }

  paint() {
    const { of, entries } = this.kinds();
    const placeOf = new Map(entries.map(({ kind }, place) => [kind, place]));
    const place = (point) => placeOf.get(of(point)) ?? -1;
    const isOff = this.only === null ? () => false : (point) => of(point) !== this.only;
    this.scatter.color(
      place,
      entries.map(({ color }) => color),
      isOff,
    );
    const item = ({ kind, name, color }) => {
      const properties = {
        type: "button",
        "aria-pressed": String(this.only === kind),
        onclick: () => this.choose(kind),
      };
      return element("li", {}, element("button", properties, element("i", { style: `background:${color}` }), name));
    };
    this.legend.replaceChildren(...entries.map(item));
  }

  choose(kind) {
    this.only = this.only === kind ? null : kind;
    this.paint();
    const { of } = this.kinds();
    const points = [...this.lens.map.row.keys()];
    this.show(this.only === null ? points : points.filter((point) => of(point) === kind));
    this.scatter.choose(new Set());
  }

  show(points) {
    const { row } = this.lens.map;
    const isAll = points.length === row.length;
    this.scatter.choose(new Set(isAll ? [] : points));
    const rows = points.map((point) => row[point]);
    this.bench.show(rows);
    this.status.textContent = `${grouped(rows.length)} of ${grouped(row.length)} images`;
    const select = () => {
      this.bench.select(rows);
      this.bench.focus();
    };
    const press = element("button", {
      type: "button",
      class: "press",
      title: "Then a key or a name calls them all so",
      onclick: select,
    });
    press.append(`Select all ${grouped(rows.length)}`);
    const cluster =
      this.by === "cluster" && this.only !== null
        ? this.lens.map.clusters.find(({ number }) => number === this.only)
        : null;
    const renamed = () => {
      this.paint();
      this.bench.focus();
    };
    this.whole.replaceChildren(
      ...(isAll || rows.length < 2 ? [] : [press]),
      ...(cluster ? [clusterForm(cluster, renamed)] : []),
    );
  }
}

function turn(button, act) {
  const isOn = button.getAttribute("aria-pressed") !== "true";
  button.setAttribute("aria-pressed", String(isOn));
  act(isOn);
}

async function mount(main, store) {
  const lens = makeLens(store);
  await lens.useMap();
  if (lens.map) {
    const { runs } = await get("/api/runs");
    const loss = (run) => run.log_loss?.value ?? Infinity;
    const best = runs.reduce((one, other) => (loss(other) < loss(one) ? other : one), runs[0]);
    if (best) await lens.useRun(best.name).catch(sayError);
    new ImageMap(main, store, lens);
    return;
  }
  const words =
    "There is no map of these images yet. It needs no labels, and groups what looks alike: piles to be named.";
  mountWaiting(main, { kind: "explore", title: "Map", words, start: "Make a map" });
}

mountPage(mount);
