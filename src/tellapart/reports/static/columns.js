// Columns of numbers as the page carries them: base64 of little-endian bytes. Names and ids are read only when one is
// wanted.

const KINDS = { u8: Uint8Array, u16: Uint16Array, i32: Int32Array };

export function bytes(text) {
  const raw = atob(text);
  const found = new Uint8Array(raw.length);
  for (let i = 0; i < raw.length; i += 1) found[i] = raw.charCodeAt(i);
  return found;
}

export const column = (text, kind) =>
  text === null || text === undefined ? null : new KINDS[kind](bytes(text).buffer);

// Paths and image ids by point.
export function keepNames(read) {
  let held = null;
  const names = () => {
    if (held) return held;
    const carried = read();
    held = { ...carried, folder: column(carried.folder, "i32") };
    return held;
  };
  return {
    file: (i) => names().files[i],
    path: (i) => {
      const { folders, folder, files } = names();
      return folders[folder[i]] ? `${folders[folder[i]]}/${files[i]}` : files[i];
    },
    id: (i) => names().ids.slice(i * names().id_length, (i + 1) * names().id_length),
  };
}
