// Scenes as they lie in the page: base64 of a zlib block of columns. What payload.py packs, this unpacks.

const description = JSON.parse(document.getElementById("description").textContent);

const ARRAYS = { uint8: Uint8Array, uint16: Uint16Array, uint32: Uint32Array, float32: Float32Array };

/** Bytes of a base64 text with line breaks. */
function decodeBase64(text) {
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(text);
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}

/** The inflated bytes of a zlib block. */
async function inflate(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/**
 * A permutation of 0..count-1 that is the same at each call. Points are drawn in its order, so that the first
 * n of them are an even sample of the scene: that is what is drawn while the camera moves on a slow device.
 */
function shuffledOrder(count) {
  const order = new Uint32Array(count);
  for (let i = 0; i < count; i++) order[i] = i;
  let state = 0x9e3779b9;
  for (let i = count - 1; i > 0; i--) {
    // xorshift32 (Marsaglia, 2003)
    state ^= state << 13; state ^= state >>> 17; state ^= state << 5;
    const j = (state >>> 0) % (i + 1);
    const kept = order[i]; order[i] = order[j]; order[j] = kept;
  }
  return order;
}

/** One column's planes as a typed array of `width` numbers a point, in the order of `order`. */
function gather(planes, column, order) {
  const count = order.length, { width } = column, kind = ARRAYS[column.type], size = kind.BYTES_PER_ELEMENT;
  const bytes = new Uint8Array(count * width * size); // little-endian, as every device that runs WebGL is
  const stride = width * size;
  for (let plane = 0; plane < stride; plane++) {
    const start = plane * count;
    for (let i = 0; i < count; i++) bytes[i * stride + plane] = planes[start + order[i]];
  }
  return new kind(bytes.buffer);
}

/** Unpack scene `number`: its header, its columns by name (null where it has none), and where each point came from. */
async function loadScene(number) {
  const header = description.scenes[number];
  const block = await inflate(decodeBase64(document.getElementById(`scene-${number}`).textContent.trim()));
  const order = shuffledOrder(header.count);
  const scene = { header, count: header.count, order };
  for (const name of ["position", "color", "normal", "facing", "truth", "prediction", "confidence", "number"]) scene[name] = null;
  let start = 0;
  for (const column of header.columns) {
    const size = header.count * column.width * ARRAYS[column.type].BYTES_PER_ELEMENT;
    scene[column.name] = gather(block.subarray(start, start + size), column, order);
    start += size;
  }
  return scene;
}

/** The unit vector that payload.py folded onto an octahedron: of point i in a column of pairs of bytes. */
function unfoldNormal(column, i) {
  let x = column[2 * i] / 127.5 - 1, y = column[2 * i + 1] / 127.5 - 1;
  const z = 1 - Math.abs(x) - Math.abs(y);
  if (z < 0) [x, y] = [(1 - Math.abs(y)) * Math.sign(x || 1), (1 - Math.abs(x)) * Math.sign(y || 1)];
  const length = Math.hypot(x, y, z) || 1;
  return [x / length, y / length, z / length];
}

/** What there is to say of a drawn point: its place in the file and in the world, classes and confidence. */
function describePoint(scene, point) {
  const { header } = scene;
  const coordinates = [0, 1, 2].map(
    (axis) => scene.position[3 * point + axis] * header.step + header.low[axis] + header.origin[axis]);
  return {
    number: scene.number ? scene.number[point] : scene.order[point],
    coordinates,
    truth: scene.truth ? scene.truth[point] : null,
    prediction: scene.prediction ? scene.prediction[point] : null,
    confidence: scene.confidence ? scene.confidence[point] / 255 : null,
  };
}
