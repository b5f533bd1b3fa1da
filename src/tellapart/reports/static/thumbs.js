// Small images at their points, as many as do not hide each other; the same ones at the same zoom.

import { element } from "tellapart/dom.js";

const SIDE = 48;
const MOST = 400;

export function mountThumbs(shots) {
  const layer = element("div", { class: "small-images", "aria-hidden": "true" });
  const shown = new Map();

  // Which of the points, in their order, have room: each keeps an image's side away from those before it.
  function roomy({ order, width, height, placeOf, isVisible }) {
    const cells = new Map();
    const found = [];
    const isFree = (column, row, px, py) => {
      for (let c = column - 1; c <= column + 1; c += 1) {
        for (let r = row - 1; r <= row + 1; r += 1) {
          const other = cells.get(c * 4096 + r);
          if (other && Math.abs(other[0] - px) < SIDE && Math.abs(other[1] - py) < SIDE) return false;
        }
      }
      return true;
    };
    for (const i of order) {
      if (found.length === MOST) break;
      if (!isVisible(i)) continue;
      const [px, py] = placeOf(i);
      if (px < SIDE / 2 || py < SIDE / 2 || px > width - SIDE / 2 || py > height - SIDE / 2) continue;
      const [column, row] = [Math.floor(px / SIDE), Math.floor(py / SIDE)];
      if (!isFree(column, row, px, py) || !shots.has(i)) continue;
      cells.set(column * 4096 + row, [px, py]);
      found.push([i, px, py]);
    }
    return found;
  }

  function draw(look) {
    const found = roomy(look);
    const wanted = new Set(found.map(([i]) => i));
    for (const [i, { node }] of shown) {
      if (wanted.has(i)) continue;
      node.remove();
      shown.delete(i);
    }
    for (const [i, px, py] of found) {
      const node = shown.get(i)?.node ?? layer.appendChild(element("span", {}, shots.shot(i)));
      shown.set(i, { node, px, py });
      const place = `transform:translate(${px - SIDE / 2}px,${py - SIDE / 2}px)`;
      node.style.cssText = `${place};border-color:${look.colorOf(i)};opacity:${look.opacityOf(i)}`;
    }
  }

  function clear() {
    layer.replaceChildren();
    shown.clear();
  }

  // The point whose image is there, or -1.
  function at(px, py) {
    for (const [i, one] of shown) if (Math.abs(one.px - px) <= SIDE / 2 && Math.abs(one.py - py) <= SIDE / 2) return i;
    return -1;
  }

  return { layer, draw, clear, at };
}
