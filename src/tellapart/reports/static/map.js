// The map on a canvas: hover, touch or arrow keys show the image; Enter or a click opens it in the gallery.

import { choice, element, thumbnail } from "tellapart/dom.js";

const EDGE = 20;
const COLORS = 7;
const MANY = 200;

export function mountMap(root, { points, classNames, thumbnails, onimage }) {
  const canvas = element("canvas", { tabindex: "0", role: "application", "aria-roledescription": "map of images",
    "aria-label": "Map of the images. Arrow keys go from image to image, Enter opens it in the gallery." });
  const tip = element("div", { class: "tip", "aria-live": "polite", hidden: true });
  const legend = element("ul", { class: "legend" });
  const tools = element("div", { class: "tools" });
  const colors = element("div");
  root.replaceChildren(tools, element("div", { class: "map-frame" }, canvas, tip), legend);
  const counts = new Map();
  for (const label of points.label) if (label !== null) counts.set(label, (counts.get(label) ?? 0) + 1);
  const largest = [...counts].sort((a, b) => b[1] - a[1] || a[0] - b[0]).slice(0, COLORS).map(([k]) => k).sort((a, b) => a - b);
  const [wide, high] = [Math.max(...points.x) || 1, Math.max(...points.y) || 1];
  const wrongs = points.is_wrong.filter(Boolean).length;
  const state = { by: "class", only: "", current: -1 };
  let place = { x: [], y: [], width: 0 };

  tools.append(colors, element("label", { class: "select" }, element("span", {}, "Class"), element("select", {
    onchange: (event) => { state.only = event.target.value; draw(); } }, element("option", { value: "" }, "every class"),
  ...classNames.map((name, k) => element("option", { value: k }, name)))));
  choice(colors, { label: "Color by", value: "class", options: [["class", "Class"], ["answer", "Right or wrong"], ["part", "Part"]],
    onchoice: (by) => { state.by = by; draw(); } });

  const kinds = () => ({
    class: { of: (i) => largest.indexOf(points.label[i]), names: [...largest.map((k) => classNames[k])], other: counts.size > COLORS ? "other classes" : null },
    answer: { of: (i) => (points.is_wrong[i] ? 1 : points.predicted[i] === null ? -1 : 0), names: ["right", "wrong"], other: "not reported" },
    part: { of: (i) => ["train", "val", "test"].indexOf(points.part[i]), names: ["train", "validation", "test"], other: null },
  })[state.by];

  function draw() {
    const width = canvas.parentElement.clientWidth;
    const scale = (width - 2 * EDGE) / wide;
    const squeeze = Math.min(1, 620 / (high * scale));
    const height = Math.round(high * scale * squeeze) + 2 * EDGE;
    const left = (width - wide * scale * squeeze) / 2;
    const sharp = window.devicePixelRatio || 1;
    [canvas.width, canvas.height] = [width * sharp, height * sharp];
    canvas.style.cssText = `width:${width}px;height:${height}px`;
    place = { x: points.x.map((x) => left + x * scale * squeeze), y: points.y.map((y) => height - EDGE - y * scale * squeeze), width };
    const brush = canvas.getContext("2d");
    const style = getComputedStyle(document.documentElement);
    const color = (name) => style.getPropertyValue(`--${name}`).trim();
    const { of, names, other } = kinds();
    const palette = state.by === "answer" ? [color("accent"), color("wrong")] : names.map((_, i) => color(`class-${i}`));
    brush.scale(sharp, sharp);
    const gray = color("class-x");
    const radius = points.x.length > 1500 ? 2.6 : 3.8;
    for (let pass = 0; pass < 2; pass += 1) {
      for (let i = 0; i < points.x.length; i += 1) {
        const isOff = state.only !== "" && points.label[i] !== Number(state.only);
        const kind = of(i);
        if ((kind < 0 || isOff || (state.by === "answer" && kind === 0)) !== (pass === 0)) continue;
        brush.globalAlpha = isOff ? 0.12 : kind < 0 ? 0.4 : 0.72;
        brush.fillStyle = kind < 0 ? gray : palette[kind];
        brush.beginPath();
        brush.arc(place.x[i], place.y[i], radius, 0, 7);
        brush.fill();
      }
    }
    brush.globalAlpha = 1;
    brush.lineCap = "round";
    brush.beginPath();
    for (let i = 0; i < points.x.length && state.by !== "answer"; i += 1) {
      if (!points.is_wrong[i] || (state.only !== "" && points.label[i] !== Number(state.only))) continue;
      const [x, y] = [place.x[i], place.y[i]];
      brush.moveTo(x - 3.5, y - 3.5); brush.lineTo(x + 3.5, y + 3.5); brush.moveTo(x + 3.5, y - 3.5); brush.lineTo(x - 3.5, y + 3.5);
    }
    for (const [width, name] of wrongs > MANY ? [[1.1, "ink"]] : [[4.5, "surface"], [1.8, "ink"]]) {
      [brush.lineWidth, brush.strokeStyle] = [width, color(name)];
      brush.stroke();
    }
    if (state.current >= 0) ring(brush, color("ink"));
    legend.replaceChildren(...names.map((name, i) => element("li", {}, element("i", { style: `background:${palette[i]}` }), name)),
      ...(other ? [element("li", {}, element("i", { style: `background:${color("class-x")}` }), other)] : []),
      ...(state.by === "answer" ? [] : [element("li", {}, element("b", {}, "✕"), "wrong")]));
  }

  function ring(brush, color) {
    brush.strokeStyle = color;
    brush.lineWidth = 2;
    brush.beginPath();
    brush.arc(place.x[state.current], place.y[state.current], 8, 0, 7);
    brush.stroke();
  }

  function nearest(x, y, isAllowed, limit) {
    let [best, found] = [limit, -1];
    for (let i = 0; i < place.x.length; i += 1) {
      const away = Math.hypot(place.x[i] - x, place.y[i] - y);
      if (away < best && isAllowed(i)) [best, found] = [away, i];
    }
    return found;
  }

  function point(i) {
    if (i === state.current) return;
    state.current = i;
    draw();
    tip.hidden = i < 0;
    canvas.style.cursor = i < 0 ? "default" : "pointer";
    if (i < 0) return;
    const name = (k) => (k === null ? "no label" : classNames[k]);
    const words = points.is_wrong[i] ? `${name(points.label[i])} → ${name(points.predicted[i])}` : name(points.label[i]);
    tip.replaceChildren(thumbnail(thumbnails, points.image_id[i], ""), element("b", {}, words),
      element("span", {}, `${points.part[i] ?? "not used"} · ${points.path[i]}`));
    tip.style.cssText = `left:${Math.min(Math.max(place.x[i] - 84, 4), place.width - 176)}px;top:${place.y[i] + 14}px`;
  }

  const at = (event) => { const box = canvas.getBoundingClientRect(); return [event.clientX - box.left, event.clientY - box.top]; };
  const visible = (i) => state.only === "" || points.label[i] === Number(state.only);
  canvas.addEventListener("pointermove", (event) => point(nearest(...at(event), visible, 14)));
  canvas.addEventListener("pointerleave", () => point(-1));
  canvas.addEventListener("blur", () => point(-1));
  canvas.addEventListener("click", (event) => { point(nearest(...at(event), visible, 20)); open(); });
  const open = () => state.current >= 0 && onimage(points.image_id[state.current]);
  canvas.addEventListener("keydown", (event) => {
    if (event.key === "Enter") open();
    const way = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] }[event.key];
    if (!way) return;
    event.preventDefault();
    if (state.current < 0) { point(nearest(place.width / 2, canvas.clientHeight / 2, visible, Infinity)); return; }
    const [x, y] = [place.x[state.current], place.y[state.current]];
    const next = nearest(x, y, (i) => {
      const ahead = (place.x[i] - x) * way[0] + (place.y[i] - y) * way[1];
      const aside = Math.abs((place.x[i] - x) * way[1]) + Math.abs((place.y[i] - y) * way[0]);
      return i !== state.current && visible(i) && ahead > 0 && aside <= ahead;
    }, Infinity);
    if (next >= 0) point(next);
  });
  new ResizeObserver(draw).observe(canvas.parentElement);
  document.addEventListener("themechange", draw);
  draw();
}
