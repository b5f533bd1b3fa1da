// The map: points on a canvas to be hovered, clicked, zoomed, moved, and chosen by drawing around them.

import { element } from "tellapart/dom.js";
import { bytesOf, named, resolved } from "tellapart/palette.js";
import { drawPoints, shuffled } from "tellapart/pixels.js";
import { viewport } from "tellapart/viewport.js";

const NEAR = 14;
const STILL_MS = 350;
const ARM = 3.5;
const MANY = 200;
const KEYS = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] };

const sharp = () => Math.min(2, window.devicePixelRatio || 1);

const START = {
  hover: -1,
  pinned: -1,
  kindOf: (_i) => 0,
  colors: ["var(--accent)"],
  isOff: (_i) => false,
  chosen: new Set(),
  isLasso: false,
  lasso: null,
  hasThumbs: false,
  crossed: [],
  titles: [],
};

class Scatter {
  constructor(root, { places, thumbs, tip, onpick, onchoose, ontoggle }) {
    this.root = root;
    this.places = places;
    this.tip = tip;
    this.onpick = onpick;
    this.onchoose = onchoose;
    this.ontoggle = ontoggle;
    this.layer = thumbs;
    this.canvas = element("canvas", {
      tabindex: "0",
      role: "application",
      "aria-roledescription": "map of images",
      "aria-label": `Map of ${places.n} images. Arrow keys go from image to image, Space chooses one, Enter shows it.`,
    });
    this.above = element("canvas", { class: "above", "aria-hidden": "true" });
    this.box = element("div", { class: "tip", "aria-live": "polite", hidden: true });
    root.replaceChildren(this.canvas, thumbs.layer, this.above, this.box);
    this.state = { ...START };
    this.order = shuffled(places.n);
    this.sight = viewport(places);
    this.isDue = false;
    for (const name of ["under", "hover", "mark", "due", "reach", "zoomBy", "isVisible"])
      this[name] = this[name].bind(this);
    listenToPointer(this.canvas, this);
    listenToWheel(this.canvas, this);
    listenToKeys(this.canvas, this);
    new ResizeObserver(() => this.measure()).observe(root);
    document.addEventListener("themechange", () => this.due());
    this.measure();
  }

  measure() {
    const { root, sight } = this;
    const width = root.clientWidth;
    if (!width) return;
    const height = root.clientHeight || Math.round(Math.max(320, Math.min(width * 0.78, innerHeight * 0.78, 760)));
    if (width === sight.view.width && height === sight.view.height) return;
    for (const one of [this.canvas, this.above]) {
      [one.width, one.height] = [Math.round(width * sharp()), Math.round(height * sharp())];
      one.style.cssText = `width:${width}px;height:${height}px`;
    }
    sight.resize(width, height);
    this.draw();
  }

  due() {
    if (this.isDue) return;
    this.isDue = true;
    requestAnimationFrame(() => {
      this.isDue = false;
      this.draw();
    });
  }

  draw() {
    const { canvas, places, order, sight, state } = this;
    const { width, height } = sight.view;
    if (!width) return;
    drawMap(canvas, { places, order, sight, state });
    if (state.hasThumbs) {
      const { chosen } = state;
      this.layer.draw({
        order,
        width,
        height,
        placeOf: (i) => this.placeOf(i),
        isVisible: (i) => this.isVisible(i),
        colorOf: (i) => state.colors[state.kindOf(i)],
        opacityOf: (i) => (chosen.size && !chosen.has(i) ? 0.3 : 1),
      });
    }
    canvas.dataset.drawn = String(Number(canvas.dataset.drawn ?? 0) + 1);
    this.mark();
  }

  mark() {
    const { state, sight } = this;
    drawMarks(this.above.getContext("2d"), { state, view: sight.view, toScreen: (i) => this.placeOf(i) });
  }

  hover(i) {
    const { state, sight, canvas, box } = this;
    if (i === state.hover) return;
    state.hover = i;
    this.mark();
    box.hidden = i < 0;
    const idle = state.isLasso ? "crosshair" : sight.view.zoom > 1 ? "grab" : "default";
    canvas.style.cursor = i >= 0 ? "pointer" : idle;
    if (i >= 0) showTip(box, this.tip(i), this.placeOf(i), sight.view);
  }

  placeOf(i) {
    return this.sight.toScreen(this.places.x[i], this.places.y[i]);
  }

  isVisible(i) {
    return !this.state.isOff(i);
  }

  allowTouch() {
    this.canvas.style.touchAction = this.sight.view.zoom > 1 || this.state.isLasso ? "none" : "pan-y";
  }

  zoomBy(factor, px = undefined, py = undefined) {
    this.sight.zoomBy(factor, px, py);
    this.allowTouch();
    this.due();
  }

  reach(i) {
    if (this.sight.reach(...this.placeOf(i))) this.draw();
  }

  under(px, py, distance = NEAR) {
    const i = this.layer.at(px, py);
    const limit = distance / this.sight.scale();
    return i >= 0 ? i : this.places.nearest(...this.sight.toMap(px, py), limit, (one) => this.isVisible(one));
  }

  // `crossed` are the points marked with a cross.
  color(kindOf, colors, isOff, crossed = []) {
    Object.assign(this.state, { kindOf, colors, isOff, crossed });
    this.due();
  }

  // `titles` are numbers on the map: [{ i, text, color }].
  entitle(titles) {
    this.state.titles = titles;
    this.due();
  }

  choose(chosen) {
    this.state.chosen = chosen;
    this.due();
  }

  pin(i) {
    this.state.pinned = i;
    if (i >= 0) this.reach(i);
    this.mark();
  }

  thumbs(isOn) {
    this.state.hasThumbs = isOn;
    if (!isOn) this.layer.clear();
    this.due();
  }

  lasso(isOn) {
    this.state.isLasso = isOn;
    this.canvas.style.cursor = isOn ? "crosshair" : "default";
    this.allowTouch();
  }
}

export const mountScatter = (root, options) => new Scatter(root, options);

function drawMap(canvas, { places: { n, x, y }, order, sight, state }) {
  const { view } = sight;
  const by = sharp();
  const size = n > 40_000 ? 1.15 : n > 12_000 ? 1.5 : n > 4000 ? 2 : n > 1200 ? 2.8 : 4;
  const base = n > 12_000 ? 0.6 : 0.78;
  const { chosen, isOff, kindOf } = state;
  const opacityOf = (i) => (isOff(i) ? 0.07 : chosen.size && !chosen.has(i) ? 0.16 : chosen.size ? 1 : base);
  drawPoints(canvas.getContext("2d"), {
    width: canvas.width,
    height: canvas.height,
    ground: bytesOf(named("surface")),
    order,
    x,
    y,
    left: view.left * by,
    top: view.top * by,
    scale: sight.scale() * by,
    radius: size * Math.min(2.4, view.zoom ** 0.4) * by,
    kindOf,
    opacityOf,
    colors: state.colors.map((color) => bytesOf(resolved(color))),
  });
}

// Rings around the image pointed at and the one shown, and the lasso.
function drawMarks(brush, { state, view, toScreen }) {
  brush.setTransform(sharp(), 0, 0, sharp(), 0, 0);
  brush.clearRect(0, 0, view.width, view.height);
  drawCrosses(brush, state, toScreen);
  drawTitles(brush, state, toScreen);
  const rings = [
    { i: state.pinned, color: named("accent"), size: 10 },
    { i: state.hover, color: named("ink"), size: 8 },
  ];
  for (const { i, color, size } of rings) {
    if (i < 0) continue;
    const [px, py] = toScreen(i);
    for (const { width, stroke } of [
      { width: 5, stroke: named("surface") },
      { width: 2.2, stroke: color },
    ]) {
      [brush.lineWidth, brush.strokeStyle] = [width, stroke];
      brush.beginPath();
      brush.arc(px, py, size, 0, 7);
      brush.stroke();
    }
  }
  if (!state.lasso) return;
  brush.beginPath();
  state.lasso.forEach(([px, py], at) => (at ? brush.lineTo(px, py) : brush.moveTo(px, py)));
  brush.closePath();
  brush.fillStyle = `color-mix(in srgb, ${named("accent")} 14%, transparent)`;
  brush.fill();
  [brush.lineWidth, brush.strokeStyle] = [1.8, named("accent")];
  brush.stroke();
}

function drawCrosses(brush, { crossed, isOff }, toScreen) {
  brush.beginPath();
  for (const i of crossed) {
    if (isOff(i)) continue;
    const [x, y] = toScreen(i);
    brush.moveTo(x - ARM, y - ARM);
    brush.lineTo(x + ARM, y + ARM);
    brush.moveTo(x + ARM, y - ARM);
    brush.lineTo(x - ARM, y + ARM);
  }
  brush.lineCap = "round";
  const strokes = [
    [4.5, "surface"],
    [1.8, "ink"],
  ];
  for (const [width, name] of crossed.length > MANY ? [[1.1, "ink"]] : strokes) {
    [brush.lineWidth, brush.strokeStyle] = [Number(width), named(name)];
    brush.stroke();
  }
}

// A number on a disc at each of `titles`, [{ i, text, color }].
function drawTitles(brush, { titles }, toScreen) {
  brush.font = "600 13px system-ui, sans-serif";
  [brush.textAlign, brush.textBaseline] = ["center", "middle"];
  for (const { i, text, color } of titles) {
    const [x, y] = toScreen(i);
    brush.fillStyle = resolved(color);
    brush.strokeStyle = named("surface");
    brush.lineWidth = 3;
    brush.beginPath();
    brush.arc(x, y, 12, 0, 7);
    brush.stroke();
    brush.fill();
    brush.fillStyle = "#fff";
    brush.fillText(text, x, y + 0.5);
  }
}

function showTip(box, words, [px, py], { width, height }) {
  box.replaceChildren(...words);
  const side = py > height - 190 ? `bottom:${height - py + 14}px` : `top:${py + 14}px`;
  box.style.cssText = `left:${Math.min(Math.max(px - 86, 4), width - 176)}px;${side}`;
}

function pixelOf(canvas, event) {
  const { left, top } = canvas.getBoundingClientRect();
  return [event.clientX - left, event.clientY - top];
}

function listenToPointer(canvas, map) {
  const { places, state, sight, isVisible, under, hover, mark, due, onpick, onchoose, ontoggle } = map;
  const { view } = sight;
  let drag = null;

  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    const [px, py] = pixelOf(canvas, event);
    drag = { px, py, left: view.left, top: view.top, isMoved: false };
    if (event.shiftKey || state.isLasso) state.lasso = [[px, py]];
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointermove", (event) => {
    const [px, py] = pixelOf(canvas, event);
    if (!drag) {
      hover(under(px, py));
      return;
    }
    drag.isMoved ||= Math.hypot(px - drag.px, py - drag.py) > 4;
    if (!drag.isMoved) return;
    hover(-1);
    if (state.lasso) {
      state.lasso.push([px, py]);
      mark();
      return;
    }
    if (view.zoom === 1) return;
    canvas.style.cursor = "grabbing";
    [view.left, view.top] = [drag.left + px - drag.px, drag.top + py - drag.py];
    due();
  });
  canvas.addEventListener("pointerup", (event) => {
    if (!drag) return;
    const [{ isMoved }, lasso] = [drag, state.lasso];
    [drag, state.lasso] = [null, null];
    if (isMoved && lasso)
      onchoose(
        places.inside(
          lasso.map(([px, py]) => sight.toMap(px, py)),
          isVisible,
        ),
      );
    else if (!isMoved) {
      const [px, py] = pixelOf(canvas, event);
      const i = under(px, py, 20);
      if (i >= 0 && lasso) ontoggle(i);
      else if (i >= 0) onpick(i);
    }
    mark();
  });
  canvas.addEventListener("pointercancel", () => {
    [drag, state.lasso] = [null, null];
    mark();
  });
  canvas.addEventListener("pointerleave", () => {
    if (!drag) hover(-1);
  });
  canvas.addEventListener("blur", () => hover(-1));
}

// The wheel zooms, but not while it scrolls the page past the map.
function listenToWheel(canvas, { sight, hover, zoomBy }) {
  let lastScroll = 0;
  addEventListener(
    "scroll",
    () => {
      lastScroll = performance.now();
    },
    { passive: true },
  );
  canvas.addEventListener(
    "wheel",
    (event) => {
      const isPassing = performance.now() - lastScroll < STILL_MS && !event.ctrlKey;
      if (isPassing || (event.deltaY > 0 && sight.view.zoom === 1)) {
        lastScroll = performance.now();
        return;
      }
      event.preventDefault();
      hover(-1);
      const lines = event.deltaMode === 1 ? 24 : 1;
      const [px, py] = pixelOf(canvas, event);
      zoomBy(Math.exp(Math.max(-240, Math.min(240, -event.deltaY * lines)) * 0.0022), px, py);
    },
    { passive: false },
  );
}

function listenToKeys(canvas, { places, state, sight, isVisible, hover, reach, zoomBy, onpick, onchoose, ontoggle }) {
  canvas.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const { hover: i } = state;
    const keys = {
      "+": () => zoomBy(1.5),
      "=": () => zoomBy(1.5),
      "-": () => zoomBy(1 / 1.5),
      0: () => zoomBy(0),
      Enter: () => i >= 0 && onpick(i),
      " ": () => i >= 0 && ontoggle(i),
      Escape: () => onchoose([]),
    };
    const way = KEYS[event.key];
    if (!way && !(event.key in keys)) return;
    event.preventDefault();
    if (!way) {
      keys[event.key]();
      return;
    }
    const from = i >= 0 ? i : state.pinned;
    const [u, v] = sight.toMap(sight.view.width / 2, sight.view.height / 2);
    const next = from >= 0 ? places.towards(from, way, isVisible) : places.nearest(u, v, 2, isVisible);
    if (next >= 0) {
      reach(next);
      hover(next);
    }
  });
}
