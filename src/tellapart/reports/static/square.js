// A photo becomes the square that a network takes: the same bytes as tellapart's own resizing
// (images/integer_resize.py and images/resizing.py).
// Pixels are {data, width, height}: RGB, 8 bits, row by row, without padding.

const SHARPNESS = -0.5;
const MOST_BITS = 22;
const LARGEST_WEIGHT = 1 << 15;
const PAD_GRAY = 127;
const LONGEST_ASPECT = 8;

function cubic(distance) {
  const x = Math.abs(distance),
    a = SHARPNESS;
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
}

// Where each new pixel begins among the old ones, and its weights as whole numbers with fractional bits.
export function integerWeights(length, size) {
  const scale = length / size,
    stretch = Math.max(scale, 1),
    support = 2 * stretch;
  const windows = Array.from({ length: size }, (_, place) => {
    const center = scale * (place + 0.5);
    const first = Math.max(Math.trunc(center - support + 0.5), 0);
    const count = Math.min(Math.trunc(center + support + 0.5), length) - first;
    const weights = Array.from({ length: count }, (_, tap) => cubic((tap + first - center + 0.5) / stretch));
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    return { first, weights: weights.map((weight) => weight / total) };
  });
  const largest = Math.max(...windows.map(({ weights }) => Math.max(...weights)));
  let bits = 0;
  while (bits < MOST_BITS && Math.trunc(0.5 + largest * 2 ** (bits + 1)) < LARGEST_WEIGHT) bits += 1;
  const rounded = (weight) => Math.trunc(weight * 2 ** bits + (weight < 0 ? -0.5 : 0.5));
  const whole = windows.map(({ first, weights }) => ({ first, weights: Int32Array.from(weights, rounded) }));
  return { bits, windows: whole };
}

// Along one direction: `pitch` values between neighbors, lines begin at the multiples of `line`.
function resampled(source, target, { length, size, pitch, line, lines, newLine }) {
  const { bits, windows } = integerWeights(length, size);
  const half = 1 << (bits - 1);
  for (let number = 0; number < lines; number += 1) {
    for (let place = 0; place < size; place += 1) {
      const { first, weights } = windows[place];
      for (let channel = 0; channel < pitch; channel += 1) {
        let at = number * line + first * pitch + channel,
          total = half;
        for (let tap = 0; tap < weights.length; tap += 1, at += pitch) total += source[at] * weights[tap];
        target[number * newLine + place * pitch + channel] = Math.min(255, Math.max(0, total >> bits));
      }
    }
  }
  return target;
}

export function resample({ data, width, height }, tall, wide) {
  let pixels = data;
  if (width !== wide) {
    const way = { length: width, size: wide, pitch: 3, line: 3 * width, lines: height, newLine: 3 * wide };
    pixels = resampled(pixels, new Uint8Array(3 * wide * height), way);
  }
  if (height !== tall) {
    const way = { length: height, size: tall, pitch: 3 * wide, line: 0, lines: 1, newLine: 0 };
    pixels = resampled(pixels, new Uint8Array(3 * wide * tall), way);
  }
  return { data: pixels, width: wide, height: tall };
}

function cut({ data, width }, top, left, tall, wide) {
  const part = new Uint8Array(3 * tall * wide);
  for (let row = 0; row < tall; row += 1) {
    const start = 3 * ((top + row) * width + left);
    part.set(data.subarray(start, start + 3 * wide), 3 * row * wide);
  }
  return { data: part, width: wide, height: tall };
}

// Python's round(): a half goes to the even neighbor.
export function halfEven(value) {
  const below = Math.floor(value);
  if (value - below !== 0.5) return Math.round(value);
  return below % 2 === 0 ? below : below + 1;
}

// The part of a very long image that a crop needs.
function middle(pixels) {
  const { width, height } = pixels,
    shorter = Math.min(width, height),
    longer = Math.max(width, height);
  if (longer <= LONGEST_ASPECT * shorter) return pixels;
  let length = shorter + 2 * Math.max(4, shorter);
  length += (longer - length) % 2;
  const first = Math.floor((longer - length) / 2);
  return height > width ? cut(pixels, first, 0, length, width) : cut(pixels, 0, first, height, length);
}

function cropped(pixels, size) {
  const source = middle(pixels),
    shorter = Math.min(source.width, source.height);
  const tall = Math.max(size, Math.floor((size * source.height) / shorter));
  const wide = Math.max(size, Math.floor((size * source.width) / shorter));
  return cut(resample(source, tall, wide), halfEven((tall - size) / 2), halfEven((wide - size) / 2), size, size);
}

function padded(pixels, size) {
  const longer = Math.max(pixels.width, pixels.height);
  const tall = Math.max(1, halfEven((size * pixels.height) / longer));
  const wide = Math.max(1, halfEven((size * pixels.width) / longer));
  const small = resample(pixels, tall, wide),
    data = new Uint8Array(3 * size * size).fill(PAD_GRAY);
  const top = Math.floor((size - tall) / 2),
    left = Math.floor((size - wide) / 2);
  for (let row = 0; row < tall; row += 1) {
    data.set(small.data.subarray(3 * row * wide, 3 * (row + 1) * wide), 3 * ((top + row) * size + left));
  }
  return { data, width: size, height: size };
}

// The square of a photo, by one of the policies crop, pad and squash.
export function square(pixels, { size, resize }) {
  if (resize === "squash") return resample(pixels, size, size);
  return resize === "pad" ? padded(pixels, size) : cropped(pixels, size);
}
