// The part of a map that is in sight: from places on the map to pixels and back, zoom and pan.

const EDGE = 22;
const MAX_ZOOM = 60;

export function viewport({ wide, high }) {
  const view = { width: 0, height: 0, base: 1, zoom: 1, left: 0, top: 0 };
  const scale = () => view.base * view.zoom;
  /** @returns {[number, number]} */
  const toMap = (px, py) => [(px - view.left) / scale(), (py - view.top) / scale()];
  /** @returns {[number, number]} */
  const toScreen = (u, v) => [view.left + u * scale(), view.top + v * scale()];

  function fit() {
    view.zoom = 1;
    [view.left, view.top] = [(view.width - wide * scale()) / 2, (view.height - high * scale()) / 2];
  }

  // A new size in pixels; the middle stays in the middle, and a map that was seen as a whole still is.
  function resize(width, height) {
    const wasWhole = view.zoom === 1;
    const middle = toMap(view.width / 2, view.height / 2);
    const base = Math.min((width - 2 * EDGE) / (wide || 1), (height - 2 * EDGE) / (high || 1));
    Object.assign(view, { width, height, base });
    if (wasWhole || !Number.isFinite(middle[0])) fit();
    else [view.left, view.top] = [width / 2 - middle[0] * scale(), height / 2 - middle[1] * scale()];
  }

  // Zooms so that the place under a pixel stays there; by default the middle.
  function zoomBy(factor, px = view.width / 2, py = view.height / 2) {
    const zoom = Math.max(1, Math.min(MAX_ZOOM, view.zoom * factor));
    if (zoom === 1) {
      fit();
      return;
    }
    const [u, v] = toMap(px, py);
    view.zoom = zoom;
    [view.left, view.top] = [px - u * scale(), py - v * scale()];
  }

  // Moves the map as far as needed for a pixel to be in sight; whether it had to.
  function reach(px, py) {
    const dx = Math.max(EDGE, Math.min(view.width - EDGE, px)) - px;
    const dy = Math.max(EDGE, Math.min(view.height - EDGE, py)) - py;
    view.left += dx;
    view.top += dy;
    return Boolean(dx || dy);
  }

  return { view, scale, toMap, toScreen, resize, zoomBy, reach };
}
