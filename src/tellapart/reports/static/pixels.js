// Points as pixels: each disc is a small stamp blended into the image, which draws 100,000 of them within a frame or
// two.

const BIT = 255;

function stampOf(radius) {
  const reach = Math.ceil(radius);
  const marks = [];
  for (let dy = -reach; dy <= reach; dy += 1) {
    for (let dx = -reach; dx <= reach; dx += 1) {
      const cover = Math.max(0, Math.min(1, radius + 0.5 - Math.hypot(dx, dy)));
      if (cover > 0.02) marks.push(dx, dy, cover);
    }
  }
  return marks;
}

// Draws the points of `order` at (left + x * scale, top + y * scale), in pixels of the device.
// kindOf(i) is a number into `colors` ([r, g, b] each); opacityOf(i) is 0 to 1, and 0 is not drawn.
export function drawPoints(
  brush,
  { width, height, ground, order, x, y, left, top, scale, radius, kindOf, opacityOf, colors },
) {
  const image = brush.createImageData(width, height);
  const { data } = image;
  new Uint32Array(data.buffer).fill(((BIT << 24) | (ground[2] << 16) | (ground[1] << 8) | ground[0]) >>> 0);
  const stamp = stampOf(radius);
  const reach = Math.ceil(radius) + 1;
  for (let at = 0; at < order.length; at += 1) {
    const i = order[at];
    const px = Math.round(left + x[i] * scale);
    const py = Math.round(top + y[i] * scale);
    if (px < reach || py < reach || px >= width - reach || py >= height - reach) continue;
    const opacity = opacityOf(i);
    if (opacity === 0) continue;
    const color = colors[kindOf(i)];
    for (let s = 0; s < stamp.length; s += 3) {
      const share = stamp[s + 2] * opacity;
      const to = ((py + stamp[s + 1]) * width + px + stamp[s]) * 4;
      data[to] += (color[0] - data[to]) * share;
      data[to + 1] += (color[1] - data[to + 1]) * share;
      data[to + 2] += (color[2] - data[to + 2]) * share;
    }
  }
  brush.putImageData(image, 0, 0);
}

// 0 to n - 1 in an order that hides no kind behind another; always the same.
export function shuffled(n) {
  const order = Int32Array.from({ length: n }, (_, i) => i);
  let seed = 12345;
  for (let i = n - 1; i > 0; i -= 1) {
    seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
    const other = (seed >>> 8) % (i + 1);
    [order[i], order[other]] = [order[other], order[i]];
  }
  return order;
}
