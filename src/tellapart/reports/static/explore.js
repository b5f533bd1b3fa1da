// The map page from disk: draws the points first, then sets everything around them in motion.

import { mountBar } from "tellapart/bar.js";
import { mountChosen } from "tellapart/chosen.js";
import { column, keepNames } from "tellapart/columns.js";
import { keepDecisions } from "tellapart/decisions.js";
import { all, carried, choice, element, grouped, scrollTo, undoByKey } from "tellapart/dom.js";
import { clusterColorOf, colorOf, heat, MOST } from "tellapart/palette.js";
import { keepPlaces } from "tellapart/places.js";
import { pointDetail, relabeling } from "tellapart/point.js";
import { mountScatter } from "tellapart/scatter.js";
import { mountSections } from "tellapart/sections.js";
import { keepShots } from "tellapart/shots.js";
import { mountTheme } from "tellapart/theme.js";
import { mountThumbs } from "tellapart/thumbs.js";

const STEPS = 24;
const FEW = 400;
const lazy = (id) => {
  let held = null;
  return () => (held ??= carried(id));
};

mountTheme(document.getElementById("theme"));
mountSections();
const view = carried("view");
const { n, class_names: classNames } = view;
const labels = column(view.label, "i32");
const clusters = column(view.cluster, "i32");
const scores = column(view.score, "u8");
const places = keepPlaces(column(view.x, "u16"), column(view.y, "u16"));
const names = keepNames(() => carried("names"));
const shots = keepShots({
  thumbnails: lazy("thumbnails"),
  sheets: lazy("sheets"),
  sprites: { ...view.sprites, shown: column(view.sprites.shown, "i32") },
  names,
  root: view.ways.root,
  n,
});
const titles = new Map(view.clusters.map(({ number, title }) => [number, title]));
const find = (name) => document.querySelector(`[data-map=${name}]`);
const state = {
  by: clusters && !classNames.length ? "cluster" : classNames.length ? "class" : "one",
  only: null,
  chosen: new Set(),
  pinned: -1,
};
let [decisions, bar, chosenPanel] = [null, null, null];

// Kinds by which points are colored: the number of each point's kind, and names and colors of the kinds.
const ranked = (values) => {
  const counts = new Map();
  for (const value of values) if (value >= 0) counts.set(value, (counts.get(value) ?? 0) + 1);
  return [...counts.keys()].sort((a, b) => counts.get(b) - counts.get(a) || a - b);
};
function listed(values, nameOf, rest, color = colorOf) {
  const kinds = ranked(values)
    .slice(0, MOST)
    .sort((a, b) => a - b);
  const place = new Map(kinds.map((kind, k) => [kind, k]));
  const isAny = values.some((value) => !place.has(value));
  return {
    of: Int16Array.from(values, (value) => place.get(value) ?? kinds.length),
    entries: [
      ...kinds.map((kind, k) => ({ kind, name: nameOf(kind), color: color(k) })),
      ...(isAny ? [{ kind: -1, name: rest, color: "var(--class-x)" }] : []),
    ],
  };
}
const COLORS = {
  class: classNames.length ? ["Class", () => listed(labels, (k) => classNames[k], "others or no label")] : null,
  cluster: clusters
    ? ["Cluster", () => listed(clusters, (k) => titles.get(k) ?? `Cluster ${k}`, "no cluster", clusterColorOf)]
    : null,
  score: scores
    ? [
        "How strange",
        () => ({
          of: Int16Array.from(scores, (score) => Math.min(STEPS - 1, Math.floor((score * STEPS) / 256))),
          isHeat: true,
          entries: Array.from({ length: STEPS }, (_, k) => ({ name: "", color: heat((k / (STEPS - 1)) ** 3) })),
        }),
      ]
    : null,
  one:
    classNames.length || clusters
      ? null
      : ["All", () => ({ of: new Int16Array(n), entries: [{ name: "images", color: "var(--accent)" }] })],
};
const kindsOf = new Map();
const kinds = (by) => {
  if (!kindsOf.has(by)) kindsOf.set(by, COLORS[by][1]());
  return kindsOf.get(by);
};
const classColor = (k) =>
  (classNames.length
    ? kinds("class").entries[kinds("class").entries.findIndex(({ name }) => name === classNames[k])]?.color
    : null) ?? "var(--class-x)";

function words(i, isBrief = false) {
  const label = labels[i] < 0 ? null : classNames[labels[i]];
  const cluster = clusters && clusters[i] >= 0 ? titles.get(clusters[i]) : null;
  if (isBrief) return [label ?? cluster ?? "no label"];
  return [
    ...(label === null ? ["No label"] : ["Labeled ", element("b", {}, label)]),
    ...(cluster ? [", in ", element("b", {}, cluster)] : []),
    ".",
  ];
}

const scatter = mountScatter(find("frame"), {
  places,
  thumbs: mountThumbs(shots),
  tip: (i) => [
    shots.shot(i, { isFileMeant: true }),
    element("b", {}, ...words(i, true)),
    element("span", {}, names.path(i)),
  ],
  onpick: (i) => pick(i),
  onchoose: (points) => choose(points),
  ontoggle: (i) => {
    const next = new Set(state.chosen);
    if (!next.delete(i)) next.add(i);
    choose([...next]);
  },
});

function paint() {
  const { of, entries } = kinds(state.by);
  const { only } = state;
  scatter.color(
    (i) => of[i],
    entries.map(({ color }) => color),
    only === null ? () => false : (i) => of[i] !== only,
  );
  scatter.entitle(state.by === "cluster" ? numbers(entries) : []);
}

// The number of each cluster, at its middle image.
function numbers(entries) {
  const colorOfKind = new Map(entries.map(({ kind, color }) => [kind, color]));
  return view.clusters
    .filter(({ number, medoid }) => medoid !== null && colorOfKind.has(number))
    .map(({ number, medoid }) => ({ i: medoid, text: String(number), color: colorOfKind.get(number) }));
}

function legend() {
  const { entries, isHeat } = kinds(state.by);
  find("legend").replaceChildren(
    ...(isHeat
      ? [
          element(
            "li",
            {},
            "usual",
            element("span", {
              class: "heat",
              style: `background:linear-gradient(90deg,${entries.map(({ color }) => color).join(",")})`,
            }),
            "strange",
          ),
        ]
      : entries.map(({ name, color }, k) =>
          element(
            "li",
            {},
            element(
              "button",
              {
                type: "button",
                "aria-pressed": String(state.only === k),
                onclick: () => only(state.only === k ? null : k),
              },
              element("i", { style: `background:${color}` }),
              name,
            ),
          ),
        )),
  );
}

function only(kind) {
  state.only = kind;
  paint();
  legend();
}

function by(key) {
  if (state.by === key) return;
  Object.assign(state, { by: key, only: null });
  colors.choose(key);
  paint();
  legend();
}

const near = view.neighbors && {
  ...view.neighbors,
  index: column(view.neighbors.index, "i32"),
  cosine: column(view.neighbors.cosine, "u8"),
  row: new Map([...column(view.neighbors.of, "i32")].map((point, row) => [point, row])),
};
function neighborsOf(i) {
  const row = near?.row.get(i);
  if (row === undefined) return [];
  return Array.from({ length: near.k }, (_, place) => [
    near.index[row * near.k + place],
    near.cosine[row * near.k + place] / 255,
  ]).filter(([other]) => other >= 0);
}

function detail() {
  find("detail").replaceChildren(
    pointDetail(state.pinned, {
      words,
      shots,
      names,
      neighborsOf,
      decisions,
      suggestions: suggestions(),
      decide,
      onpick: (i) => pick(i),
      score: (i) => (scores ? scores[i] / 255 : null),
    }),
  );
}

function pick(i, { isShown = false } = {}) {
  if (i >= 0 && !scatter.isVisible(i)) only(null);
  state.pinned = i;
  scatter.pin(i);
  detail();
  if (isShown) scrollTo(document.getElementById("map"));
}

function choose(points, what = "") {
  state.chosen = new Set(points);
  scatter.choose(state.chosen);
  ready();
  chosenPanel.show(
    [...points].sort((a, b) => a - b),
    what,
  );
}

const suggestions = () => [
  ...new Set([...classNames, ...[...titles.values()].filter((title) => !title.startsWith("Cluster "))]),
];

function decide(points, action, to = null) {
  ready();
  const own = (i) => (labels[i] < 0 ? null : classNames[labels[i]]);
  if (action === null) decisions.takeBack(points);
  else
    decisions.decide(
      points
        .filter((i) => action !== "relabel" || own(i) !== to)
        .map((row) => ({ row, action, new: to, why: "explore", isOfFile: false })),
    );
}

function emptied() {
  const left = new Array(classNames.length).fill(0);
  for (const label of labels) if (label >= 0) left[label] += 1;
  const had = [...left];
  for (const i of decisions.rows()) {
    const { action, new: to } = decisions.of(i);
    if (labels[i] >= 0) left[labels[i]] -= 1;
    if (action === "relabel" && classNames.includes(to)) left[classNames.indexOf(to)] += 1;
  }
  return classNames.filter((_, k) => had[k] > 0 && left[k] <= 0);
}

// What needs names and ids of all images: made when the map stands, or as soon as it is asked for.
function ready() {
  if (decisions) return;
  const rows = Array.from({ length: n }, (_, i) => ({
    path: names.path(i),
    image_id: names.id(i),
    label: labels[i] < 0 ? null : classNames[labels[i]],
  }));
  let isMade = false;
  decisions = keepDecisions({
    rows,
    key: `tellapart-explore:${view.place}`,
    made: view.made,
    onchange: () => {
      if (!isMade) return;
      bar.tell();
      chosenPanel.tell();
      detail();
    },
  });
  bar = mountBar(document.getElementById("bar"), {
    decisions,
    command: view.command,
    ways: view.ways,
    emptied,
    onundo: () => {
      const i = decisions.undo();
      if (i !== null) pick(i);
    },
  });
  chosenPanel = mountChosen(document.getElementById("chosen"), {
    labels,
    classNames,
    colorOf: classColor,
    names,
    shots,
    words,
    decisions: () => decisions,
    get suggestions() {
      return suggestions();
    },
    decide,
    onpick: (i) => pick(i),
    onclear: () => choose([]),
  });
  isMade = true;
  detail();
}

const keys = Object.keys(COLORS).filter((key) => COLORS[key]);
const colors = choice(find("colors"), {
  label: "Color by",
  value: state.by,
  options: keys.map((key) => [key, COLORS[key][0]]),
  onchoice: (key) => {
    Object.assign(state, { by: key, only: null });
    paint();
    legend();
  },
});
/** @type {HTMLElement} */ (find("colors")).hidden = keys.length < 2;
const tool = (text, title, onclick, more = {}) =>
  element("button", { type: "button", class: "press", title, "aria-label": title, onclick, ...more }, text);
const lassoButton = tool(
  "Lasso",
  "Select images by drawing around them, without Shift",
  () => {
    const isOn = lassoButton.getAttribute("aria-pressed") !== "true";
    lassoButton.setAttribute("aria-pressed", String(isOn));
    scatter.lasso(isOn);
  },
  { "aria-pressed": "false", "data-map": "lasso" },
);
const thumbsButton = tool(
  "Images",
  "Show small images on the map",
  () => showThumbs(thumbsButton.getAttribute("aria-pressed") !== "true"),
  { "aria-pressed": "false", "data-map": "thumbs" },
);
function showThumbs(isOn) {
  thumbsButton.setAttribute("aria-pressed", String(isOn));
  scatter.thumbs(isOn);
}
find("zoom").append(
  thumbsButton,
  lassoButton,
  tool("−", "Zoom out", () => scatter.zoomBy(1 / 1.6)),
  tool("+", "Zoom in", () => scatter.zoomBy(1.6)),
  tool("Fit", "See the whole map", () => scatter.zoomBy(0)),
);
paint();
legend();
detail();
document.addEventListener("themechange", () => {
  kindsOf.delete("score");
  paint();
  legend();
});
undoByKey();

// Part of a name, typed and sent with Enter, selects the images that have it in their path.
const field = element("input", {
  type: "search",
  class: "find",
  placeholder: "Find in names",
  "aria-label": "Find in names",
});
const search = element("form", { onsubmit: searched }, field);
function searched(event) {
  event.preventDefault();
  const text = field.value.trim().toLowerCase();
  const found = text
    ? Array.from({ length: n }, (_, i) => i).filter((i) => names.path(i).toLowerCase().includes(text))
    : [];
  choose(found, text ? `“${field.value.trim()}”` : "");
  field.setCustomValidity(text && !found.length ? "No image has this in its name." : "");
  field.reportValidity();
  if (found.length) pick(found[0]);
}
field.addEventListener("input", () => field.setCustomValidity(""));
find("tools").append(search);

// Images of the sections below, as they come into sight.
const seen = new IntersectionObserver(
  (entries) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      seen.unobserve(target);
      const i = Number(/** @type {HTMLElement} */ (target).dataset.point);
      target.replaceChildren(
        element(
          "button",
          {
            type: "button",
            title: names.path(i),
            "aria-label": `${names.file(i)}: show on the map`,
            onclick: () => pick(i, { isShown: true }),
          },
          shots.shot(i, { isFileMeant: true }),
        ),
      );
    }
  },
  { rootMargin: "600px 0px" },
);

// The colors and names of classes and clusters in the sections below the map.
function paintSections() {
  for (const node of all("[data-class]")) node.style.background = classColor(classNames.indexOf(node.dataset.class));
  if (!clusters) return;
  const { entries } = kinds("cluster");
  for (const node of all("[data-cluster-color]")) {
    const own = entries.find(({ kind }) => kind === Number(node.dataset.clusterColor));
    node.style.background = own?.color ?? "var(--class-x)";
  }
  for (const node of all("[data-cluster-title]")) {
    const number = Number(node.dataset.clusterTitle);
    if (renamed.has(number)) node.textContent = renamed.get(number);
  }
}

// Names given to clusters on this page, kept by the browser.
const RENAMED = `tellapart-clusters:${view.place}:${view.made}`;
const renamed = new Map();
function rename(number, name) {
  renamed.set(number, name);
  titles.set(number, name);
  kindsOf.delete("cluster");
}

function mountRenaming() {
  try {
    for (const [number, name] of JSON.parse(localStorage.getItem(RENAMED) ?? "[]")) rename(number, name);
  } catch {
    /* without storage the names last as long as the page */
  }
  paintSections();
  for (const root of all("[data-rename]")) {
    const onname = (name) => {
      rename(Number(root.dataset.rename), name);
      try {
        localStorage.setItem(RENAMED, JSON.stringify([...renamed]));
      } catch {
        /* as above */
      }
      paintSections();
      paint();
      legend();
      detail();
    };
    root.replaceChildren(relabeling("Name this cluster", classNames, onname, "Rename"));
  }
}

function around() {
  ready();
  if (n <= FEW) showThumbs(true);
  for (const node of all("[data-point]")) seen.observe(node);
  paintSections();
  mountRenaming();
  const members = (number) => [...clusters.keys()].filter((i) => clusters[i] === number);
  for (const button of all("[data-show]")) {
    button.addEventListener("click", () => {
      by("cluster");
      only(kinds("cluster").entries.findIndex(({ kind }) => kind === Number(button.dataset.show)));
      scrollTo(document.getElementById("map"));
    });
  }
  for (const button of all("[data-choose]")) {
    button.addEventListener("click", () => {
      const number = Number(button.dataset.choose);
      choose(members(number), titles.get(number));
      scrollTo(document.getElementById("map"));
    });
  }
  document.getElementById("choose-outliers")?.addEventListener("click", () => {
    choose(view.outliers.slice(0, document.querySelectorAll("#outliers [data-point]").length), "outliers");
    scrollTo(document.getElementById("map"));
  });
}
requestAnimationFrame(() => setTimeout(around, 0));
document.documentElement.dataset.points = grouped(n);
