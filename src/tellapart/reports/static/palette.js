// Colors of classes and clusters: the page's own for the first seven, then hues by the golden angle, as bytes for
// drawing and as words for CSS.

const OWN = 7;
export const MOST = 40;

const brush = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });

export function bytesOf(color) {
  brush.clearRect(0, 0, 1, 1);
  brush.fillStyle = color;
  brush.fillRect(0, 0, 1, 1);
  return brush.getImageData(0, 0, 1, 1).data;
}

export const named = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

// The k-th color, as CSS words that follow the theme; others than the first MOST are gray.
export function colorOf(k) {
  if (k < 0 || k >= MOST) return "var(--class-x)";
  if (k < OWN) return `var(--class-${k})`;
  const hue = (40 + (k - OWN) * 137.508) % 360;
  const light = [0.55, 0.7, 0.62][k % 3];
  return `oklch(${light} ${k % 2 ? 0.13 : 0.17} ${hue.toFixed(0)})`;
}

export const resolved = (color) => (color.startsWith("var(--") ? named(color.slice(6, -1)) : color);

// From usual to strange, `share` from 0 to 1.
export function heat(share) {
  return `color-mix(in oklch, ${named("class-x")} ${(100 * (1 - share)).toFixed(0)}%, ${named("wrong")})`;
}

// The color of the k-th cluster: deeper than those of classes and in another order, so that the two are not taken for
// each other.
export function clusterColorOf(k) {
  if (k < 0 || k >= MOST) return "var(--class-x)";
  const hue = (285 + k * 137.508) % 360;
  return `oklch(${[0.48, 0.6, 0.54][k % 3]} 0.13 ${hue.toFixed(0)})`;
}
