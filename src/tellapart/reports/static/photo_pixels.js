// Pixels of a file, a blob or a frame of the camera: upright, on white, RGB of 8 bits.

function pixelsOf(source, width, height) {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d", { willReadFrequently: true, colorSpace: "srgb" });
  context.fillStyle = "#fff";
  context.fillRect(0, 0, width, height);
  context.drawImage(source, 0, 0);
  const { data } = context.getImageData(0, 0, width, height);
  const rgb = new Uint8Array(3 * width * height);
  for (let from = 0, to = 0; to < rgb.length; from += 4, to += 3) {
    rgb[to] = data[from];
    rgb[to + 1] = data[from + 1];
    rgb[to + 2] = data[from + 2];
  }
  return { data: rgb, width, height };
}

// Raises an error with a sentence for the user.
export async function filePixels(file) {
  let bitmap;
  try {
    bitmap = await createImageBitmap(file);
  } catch {
    throw new Error(file.type.startsWith("image/") || !file.type ? "this browser cannot read it" : "not an image");
  }
  try {
    return pixelsOf(bitmap, bitmap.width, bitmap.height);
  } finally {
    bitmap.close();
  }
}

export const framePixels = (video) => pixelsOf(video, video.videoWidth, video.videoHeight);

// A small copy for the list, as a data URL.
export function smallCopy({ data, width, height }, side) {
  const whole = document.createElement("canvas"),
    small = document.createElement("canvas");
  [whole.width, whole.height] = [width, height];
  const image = new ImageData(width, height);
  for (let from = 0, to = 0; from < data.length; from += 3, to += 4) {
    image.data[to] = data[from];
    image.data[to + 1] = data[from + 1];
    image.data[to + 2] = data[from + 2];
    image.data[to + 3] = 255;
  }
  whole.getContext("2d").putImageData(image, 0, 0);
  const share = Math.min(1, side / Math.max(width, height));
  [small.width, small.height] = [Math.max(1, Math.round(width * share)), Math.max(1, Math.round(height * share))];
  const context = small.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.drawImage(whole, 0, 0, small.width, small.height);
  return small.toDataURL("image/jpeg", 0.85);
}
