// Where the points are, and a grid over them, so that the nearest of 100,000 is found by looking at a handful.

// The points of each cell of a square grid, row by row: `held` from `starts[c]` to `starts[c + 1]`.
function gridOver(x, y) {
  const n = x.length;
  const size = Math.max(1, Math.min(256, Math.round(Math.sqrt(n) / 1.5)));
  const cell = (value) => Math.max(0, Math.min(size - 1, Math.floor(value * size)));
  const starts = new Int32Array(size * size + 1);
  const cells = new Int32Array(n);
  for (let i = 0; i < n; i += 1) {
    cells[i] = cell(y[i]) * size + cell(x[i]);
    starts[cells[i] + 1] += 1;
  }
  for (let c = 0; c < size * size; c += 1) starts[c + 1] += starts[c];
  const held = new Int32Array(n);
  const next = starts.slice(0, -1);
  for (let i = 0; i < n; i += 1) {
    held[next[cells[i]]] = i;
    next[cells[i]] += 1;
  }
  return { size, cell, starts, held };
}

export function keepPlaces(xs, ys) {
  const n = xs.length;
  const x = new Float32Array(n);
  const y = new Float32Array(n);
  let [wide, high] = [0, 0];
  for (let i = 0; i < n; i += 1) {
    x[i] = xs[i] / 65535;
    y[i] = ys[i] / 65535;
    if (x[i] > wide) wide = x[i];
    if (y[i] > high) high = y[i];
  }
  for (let i = 0; i < n; i += 1) y[i] = high - y[i];
  const { size, cell, starts, held } = gridOver(x, y);

  function within(left, top, right, bottom, visit) {
    const [first, last] = [cell(left), cell(right)];
    for (let row = cell(top); row <= cell(bottom); row += 1) {
      for (let at = starts[row * size + first]; at < starts[row * size + last + 1]; at += 1) visit(held[at]);
    }
  }

  return {
    n,
    x,
    y,
    wide,
    high,

    // The nearest point that may be, no farther than `limit`; -1 where there is none.
    nearest(px, py, limit, isAllowed) {
      let [best, found] = [limit * limit, -1];
      within(px - limit, py - limit, px + limit, py + limit, (i) => {
        const away = (x[i] - px) ** 2 + (y[i] - py) ** 2;
        if (away <= best && isAllowed(i)) [best, found] = [away, i];
      });
      return found;
    },

    // The nearest in a direction, [1, 0] being to the right; -1 where there is none.
    towards(from, [right, down], isAllowed) {
      let [best, found] = [Infinity, -1];
      for (let i = 0; i < n; i += 1) {
        const ahead = (x[i] - x[from]) * right + (y[i] - y[from]) * down;
        const aside = Math.abs((x[i] - x[from]) * down) + Math.abs((y[i] - y[from]) * right);
        if (ahead <= 0 || aside > ahead || i === from || !isAllowed(i)) continue;
        const away = ahead * ahead + 2 * aside * aside;
        if (away < best) [best, found] = [away, i];
      }
      return found;
    },

    // All points inside a polygon [[x, y], ...] by the even-odd rule.
    inside(polygon, isAllowed) {
      const found = [];
      const [us, vs] = [polygon.map(([u]) => u), polygon.map(([, v]) => v)];
      within(Math.min(...us), Math.min(...vs), Math.max(...us), Math.max(...vs), (i) => {
        let isIn = false;
        for (let a = 0, b = us.length - 1; a < us.length; b = a, a += 1) {
          if (vs[a] > y[i] !== vs[b] > y[i] && x[i] < ((us[b] - us[a]) * (y[i] - vs[a])) / (vs[b] - vs[a]) + us[a])
            isIn = !isIn;
        }
        if (isIn && isAllowed(i)) found.push(i);
      });
      return found;
    },
  };
}
