// The map: points on a canvas to be hovered, clicked, zoomed, moved, and chosen by drawing around them.

import { element } from "tellapart/dom.js";
import { bytesOf, named, resolved } from "tellapart/palette.js";
import { drawPoints, shuffled } from "tellapart/pixels.js";

const EDGE = 22;
const NEAR = 14;
const MOST_ZOOM = 60;
const STILL_MS = 350;
const KEYS = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] };

export function mountScatter(root, { places, thumbs, tip, onpick, onchoose, ontoggle }) {
  const { n, x, y, wide, high } = places;
  const canvas = element("canvas", { tabindex: "0", role: "application", "aria-roledescription": "map of images",
    "aria-label": `Map of ${n} images. Arrow keys go from image to image, Space chooses one, Enter shows it.` });
  const above = element("canvas", { class: "above", "aria-hidden": "true" });
  const box = element("div", { class: "tip", "aria-live": "polite", hidden: true });
  root.replaceChildren(canvas, thumbs.layer, above, box);
  const order = shuffled(n);
  const state = {
    hover: -1, pinned: -1, kindOf: (_i) => 0, colors: ["var(--accent)"], isOff: (_i) => false, chosen: new Set(), isLasso: false,
    hasThumbs: false,
  };
  const look = { width: 0, height: 0, base: 1, zoom: 1, left: 0, top: 0 };
  let [drag, lasso, isDue, lastScroll] = [null, null, false, 0];
  const scale = () => look.base * look.zoom;
  const toMap = (px, py) => [(px - look.left) / scale(), (py - look.top) / scale()];
  const toScreen = (i) => [look.left + x[i] * scale(), look.top + y[i] * scale()];
  const isVisible = (i) => !state.isOff(i);

  function measure() {
    const width = root.clientWidth;
    if (!width) return;
    const height = Math.round(Math.max(320, Math.min(width * 0.78, innerHeight * 0.78, 760)));
    if (width === look.width && height === look.height) return;
    const wasWhole = look.zoom === 1;
    const middle = toMap(look.width / 2, look.height / 2);
    Object.assign(look, { width, height, base: Math.min((width - 2 * EDGE) / (wide || 1), (height - 2 * EDGE) / (high || 1)) });
    for (const one of [canvas, above]) {
      [one.width, one.height] = [Math.round(width * sharp()), Math.round(height * sharp())];
      one.style.cssText = `width:${width}px;height:${height}px`;
    }
    if (wasWhole || !Number.isFinite(middle[0])) fit();
    else [look.left, look.top] = [width / 2 - middle[0] * scale(), height / 2 - middle[1] * scale()];
    draw();
  }

  const sharp = () => Math.min(2, window.devicePixelRatio || 1);

  function fit() {
    look.zoom = 1;
    [look.left, look.top] = [(look.width - wide * scale()) / 2, (look.height - high * scale()) / 2];
  }

  function zoomBy(factor, px = look.width / 2, py = look.height / 2) {
    const zoom = Math.max(1, Math.min(MOST_ZOOM, look.zoom * factor));
    if (zoom === 1) fit();
    else {
      const [u, v] = toMap(px, py);
      look.zoom = zoom;
      [look.left, look.top] = [px - u * scale(), py - v * scale()];
    }
    canvas.style.touchAction = look.zoom > 1 || state.isLasso ? "none" : "pan-y";
    due();
  }

  function due() {
    if (isDue) return;
    isDue = true;
    requestAnimationFrame(() => { isDue = false; draw(); });
  }

  function draw() {
    if (!look.width) return;
    const by = sharp();
    const radius = (n > 40_000 ? 1.15 : n > 12_000 ? 1.5 : n > 4000 ? 2 : n > 1200 ? 2.8 : 4) * Math.min(2.4, look.zoom ** 0.4) * by;
    const base = n > 12_000 ? 0.6 : 0.78;
    const { chosen, isOff } = state;
    const opacityOf = (i) => (isOff(i) ? 0.07 : chosen.size && !chosen.has(i) ? 0.16 : chosen.size ? 1 : base);
    drawPoints(canvas.getContext("2d"), { width: canvas.width, height: canvas.height, ground: bytesOf(named("surface")), order, x, y,
      left: look.left * by, top: look.top * by, scale: scale() * by, radius, kindOf: state.kindOf, opacityOf,
      colors: state.colors.map((color) => bytesOf(resolved(color))) });
    if (state.hasThumbs) {
      thumbs.draw({ order, width: look.width, height: look.height, placeOf: toScreen, isVisible,
        colorOf: (i) => state.colors[state.kindOf(i)], opacityOf: (i) => (chosen.size && !chosen.has(i) ? 0.3 : 1) });
    }
    canvas.dataset.drawn = String(Number(canvas.dataset.drawn ?? 0) + 1);
    mark();
  }

  function mark() {
    const brush = above.getContext("2d");
    brush.setTransform(sharp(), 0, 0, sharp(), 0, 0);
    brush.clearRect(0, 0, look.width, look.height);
    const rings = [{ i: state.pinned, color: named("accent"), size: 10 }, { i: state.hover, color: named("ink"), size: 8 }];
    for (const { i, color, size } of rings) {
      if (i < 0) continue;
      const [px, py] = toScreen(i);
      for (const [width, stroke] of [[5, named("surface")], [2.2, color]]) {
        [brush.lineWidth, brush.strokeStyle] = [width, stroke];
        brush.beginPath();
        brush.arc(px, py, size, 0, 7);
        brush.stroke();
      }
    }
    if (!lasso) return;
    brush.beginPath();
    lasso.forEach(([px, py], at) => (at ? brush.lineTo(px, py) : brush.moveTo(px, py)));
    brush.closePath();
    brush.fillStyle = `color-mix(in srgb, ${named("accent")} 14%, transparent)`;
    brush.fill();
    [brush.lineWidth, brush.strokeStyle] = [1.8, named("accent")];
    brush.stroke();
  }

  function hover(i) {
    if (i === state.hover) return;
    state.hover = i;
    mark();
    box.hidden = i < 0;
    canvas.style.cursor = i >= 0 ? "pointer" : state.isLasso ? "crosshair" : look.zoom > 1 ? "grab" : "default";
    if (i < 0) return;
    box.replaceChildren(...tip(i));
    const [px, py] = toScreen(i);
    const isLow = py > look.height - 190;
    box.style.cssText = `left:${Math.min(Math.max(px - 86, 4), look.width - 176)}px;${isLow ? `bottom:${look.height - py + 14}px` : `top:${py + 14}px`}`;
  }

  const at = (event) => { const { left, top } = canvas.getBoundingClientRect(); return [event.clientX - left, event.clientY - top]; };
  const under = (px, py, reach = NEAR) => {
    const i = thumbs.at(px, py);
    return i >= 0 ? i : places.nearest(...toMap(px, py), reach / scale(), isVisible);
  };

  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    const [px, py] = at(event);
    drag = { px, py, left: look.left, top: look.top, isMoved: false };
    if (event.shiftKey || state.isLasso) lasso = [[px, py]];
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointermove", (event) => {
    const [px, py] = at(event);
    if (!drag) { hover(under(px, py)); return; }
    drag.isMoved ||= Math.hypot(px - drag.px, py - drag.py) > 4;
    if (!drag.isMoved) return;
    hover(-1);
    if (lasso) { lasso.push([px, py]); mark(); return; }
    if (look.zoom === 1) return;
    canvas.style.cursor = "grabbing";
    [look.left, look.top] = [drag.left + px - drag.px, drag.top + py - drag.py];
    due();
  });
  canvas.addEventListener("pointerup", (event) => {
    if (!drag) return;
    const [was, drawn] = [drag, lasso];
    [drag, lasso] = [null, null];
    if (was.isMoved && drawn) onchoose(places.inside(drawn.map(([px, py]) => toMap(px, py)), isVisible));
    else if (!was.isMoved) {
      const i = under(...at(event), 20);
      if (i >= 0 && drawn) ontoggle(i);
      else if (i >= 0) onpick(i);
    }
    mark();
  });
  canvas.addEventListener("pointercancel", () => { [drag, lasso] = [null, null]; mark(); });
  canvas.addEventListener("pointerleave", () => { if (!drag) hover(-1); });
  canvas.addEventListener("blur", () => hover(-1));
  addEventListener("scroll", () => { lastScroll = performance.now(); }, { passive: true });
  canvas.addEventListener("wheel", (event) => {
    const isPassing = performance.now() - lastScroll < STILL_MS && !event.ctrlKey;
    if (isPassing || (event.deltaY > 0 && look.zoom === 1)) { lastScroll = performance.now(); return; }
    event.preventDefault();
    hover(-1);
    const lines = event.deltaMode === 1 ? 24 : 1;
    zoomBy(Math.exp(Math.max(-240, Math.min(240, -event.deltaY * lines)) * 0.0022), ...at(event));
  }, { passive: false });
  canvas.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const { hover: i } = state;
    const keys = {
      "+": () => zoomBy(1.5), "=": () => zoomBy(1.5), "-": () => zoomBy(1 / 1.5), 0: () => zoomBy(0),
      Enter: () => i >= 0 && onpick(i), " ": () => i >= 0 && ontoggle(i), Escape: () => onchoose([]),
    };
    const way = KEYS[event.key];
    if (!way && !(event.key in keys)) return;
    event.preventDefault();
    if (!way) { keys[event.key](); return; }
    const from = i >= 0 ? i : state.pinned;
    const next = from >= 0 ? places.towards(from, way, isVisible) : places.nearest(...toMap(look.width / 2, look.height / 2), 2, isVisible);
    if (next >= 0) { reach(next); hover(next); }
  });

  // Moves the map as far as needed for a point to be in sight.
  function reach(i) {
    const [px, py] = toScreen(i);
    const [dx, dy] = [Math.max(EDGE, Math.min(look.width - EDGE, px)) - px, Math.max(EDGE, Math.min(look.height - EDGE, py)) - py];
    if (!dx && !dy) return;
    look.left += dx;
    look.top += dy;
    draw();
  }

  new ResizeObserver(measure).observe(root);
  document.addEventListener("themechange", due);
  measure();
  return {
    canvas,
    color(kindOf, colors, isOff) { Object.assign(state, { kindOf, colors, isOff }); due(); },
    choose(chosen) { state.chosen = chosen; due(); },
    pin(i) { state.pinned = i; reach(i); mark(); },
    zoomBy,
    thumbs(isOn) {
      state.hasThumbs = isOn;
      if (!isOn) thumbs.clear();
      due();
    },
    lasso(isOn) { state.isLasso = isOn; canvas.style.cursor = isOn ? "crosshair" : "default"; canvas.style.touchAction = isOn || look.zoom > 1 ? "none" : "pan-y"; },
    placeOf: toScreen,
    isVisible,
  };
}
