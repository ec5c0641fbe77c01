// Vectors are arrays of three numbers; matrices are Float32Array(16), column by column, as WebGL takes them.

const add = (a, b) => [a[0] + b[0], a[1] + b[1], a[2] + b[2]];
const scaled = (a, s) => [a[0] * s, a[1] * s, a[2] * s];
const dot = (a, b) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
const clamp = (x, low, high) => Math.min(Math.max(x, low), high);

/** View matrix of a camera at `eye` whose axes are right, up and forward (unit vectors, world). */
function viewMatrix(eye, { right, up, forward }) {
  return new Float32Array([
    right[0], up[0], -forward[0], 0,
    right[1], up[1], -forward[1], 0,
    right[2], up[2], -forward[2], 0,
    -dot(right, eye), -dot(up, eye), dot(forward, eye), 1,
  ]);
}

/** Perspective projection; `tangent` is that of half the vertical angle of view. */
function projectionMatrix(tangent, aspect, near, far) {
  const matrix = new Float32Array(16);
  matrix[0] = 1 / (tangent * aspect);
  matrix[5] = 1 / tangent;
  matrix[10] = (far + near) / (near - far);
  matrix[11] = -1;
  matrix[14] = (2 * far * near) / (near - far);
  return matrix;
}
