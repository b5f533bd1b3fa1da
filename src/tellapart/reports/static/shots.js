// The image of a point: its thumbnail, else its place in a sheet of tiny ones, else its file where the page may reach
// it.

import { element } from "tellapart/dom.js";
import { address, found } from "tellapart/facts.js";

export function keepShots({ thumbnails, sheets, sprites, names, root, n }) {
  const placeOf = new Int32Array(n).fill(-1);
  sprites.shown.forEach((point, place) => {
    if (point >= 0) placeOf[point] = place;
  });
  const { side, across } = sprites;
  const isTold = new Set();
  const rules = document.head.appendChild(element("style"));

  // A sheet stands in a style rule of its own, so that no element carries its half a megabyte.
  function sheetClass(number) {
    if (!isTold.has(number)) {
      isTold.add(number);
      rules.sheet.insertRule(`.sheet-${number} { background-image: url(${sheets()[number]}); }`);
    }
    return `sheet-${number}`;
  }

  function sprite(point, words) {
    const place = placeOf[point];
    const within = place % (across * across);
    const [column, row] = [within % across, Math.floor(within / across)];
    return element("span", {
      class: `sprite ${sheetClass(Math.floor(place / (across * across)))}`,
      role: "img",
      "aria-label": words,
      style: `--across:${across};--column:${column};--row:${row};--side:${side}px`,
    });
  }

  const source = (point) => address(root, { path: names.path(point) });

  // `isLarge`: the file itself takes the place of the small image a moment later.
  function shot(point, { words = names.file(point), isLarge = false, isFileMeant = isLarge } = {}) {
    const small = thumbnails()[point]
      ? element("img", { src: thumbnails()[point], alt: words, decoding: "async", draggable: "false" })
      : placeOf[point] >= 0
        ? sprite(point, words)
        : element("span", { class: "no-image", role: "img", "aria-label": `${words} (no image kept)` });
    const frame = element("span", { class: "shot-frame" }, small);
    const isPoor = small.tagName !== "IMG";
    if ((isLarge || (isFileMeant && isPoor)) && source(point)) {
      setTimeout(() => {
        if (!frame.isConnected) return;
        const file = element("img", { class: "file", alt: words, draggable: "false", decoding: "async" });
        file.addEventListener("load", () => {
          frame.replaceChildren(file);
          found();
        });
        file.src = source(point);
      }, 120);
    }
    return frame;
  }

  return { shot, has: (point) => Boolean(thumbnails()[point]) || placeOf[point] >= 0 };
}
