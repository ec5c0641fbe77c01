// Drawing with WebGL 2. A class that is hidden or shown changes one pixel of the palette; points are never sent twice.

const LAYER_NUMBER = { color: 0, truth: 1, prediction: 2, error: 3, confidence: 4 };

/** The label by which a layer hides classes: 0 truth, 1 prediction, -1 none. As labels_of in layers.py. */
function filterOf(scene, layer) {
  const predicted = scene.prediction ? 1 : -1;
  return layer === "prediction" || layer === "confidence" || !scene.truth ? predicted : 0;
}

class Renderer {
  constructor(canvas) {
    this.canvas = canvas;
    const gl = canvas.getContext("webgl2", { antialias: false, alpha: false, powerPreference: "high-performance" });
    if (!gl) throw new Error("This page needs WebGL 2, which this browser or its graphics driver does not offer.");
    this.gl = gl;
    this.points = this.program(POINT_VERTEX, POINT_FRAGMENT);
    this.shade = this.program(SHADE_VERTEX, SHADE_FRAGMENT);
    this.empty = gl.createVertexArray();
    this.palette = gl.createTexture();
    this.targets = new Map();
    this.buffers = [];
    this.scene = null;
  }

  program(vertex, fragment) {
    const { gl } = this;
    const program = gl.createProgram();
    for (const [kind, source] of [[gl.VERTEX_SHADER, vertex], [gl.FRAGMENT_SHADER, fragment]]) {
      const shader = gl.createShader(kind);
      gl.shaderSource(shader, source);
      gl.compileShader(shader);
      if (!gl.getShaderParameter(shader, gl.COMPILE_STATUS)) throw new Error(gl.getShaderInfoLog(shader));
      gl.attachShader(program, shader);
    }
    gl.linkProgram(program);
    if (!gl.getProgramParameter(program, gl.LINK_STATUS)) throw new Error(gl.getProgramInfoLog(program));
    const at = {};
    for (let i = 0; i < gl.getProgramParameter(program, gl.ACTIVE_UNIFORMS); i++) {
      const name = gl.getActiveUniform(program, i).name.replace("[0]", "");
      at[name] = gl.getUniformLocation(program, name);
    }
    return { program, at };
  }

  /** Send a scene's points to the graphics card, in place of those that are there. */
  setScene(scene) {
    const { gl } = this;
    for (const buffer of this.buffers) gl.deleteBuffer(buffer);
    if (this.vertices) gl.deleteVertexArray(this.vertices);
    this.vertices = gl.createVertexArray();
    gl.bindVertexArray(this.vertices);

    const position = gl.createBuffer();
    const small = scene.position instanceof Uint16Array;
    gl.bindBuffer(gl.ARRAY_BUFFER, position);
    gl.bufferData(gl.ARRAY_BUFFER, small ? alignedPositions(scene.position) : scene.position, gl.STATIC_DRAW);
    gl.enableVertexAttribArray(0);
    gl.vertexAttribPointer(0, 3, small ? gl.UNSIGNED_SHORT : gl.FLOAT, false, small ? 8 : 12, 0);

    const rest = gl.createBuffer();
    gl.bindBuffer(gl.ARRAY_BUFFER, rest);
    gl.bufferData(gl.ARRAY_BUFFER, interleaved(scene, description.colors.none), gl.STATIC_DRAW);
    gl.enableVertexAttribArray(1);
    gl.vertexAttribIPointer(1, 2, gl.UNSIGNED_SHORT, 12, 0);
    gl.enableVertexAttribArray(2);
    gl.vertexAttribPointer(2, 4, gl.UNSIGNED_BYTE, true, 12, 4);
    gl.enableVertexAttribArray(3);
    gl.vertexAttribPointer(3, 4, gl.UNSIGNED_BYTE, true, 12, 8);
    gl.bindVertexArray(null);
    this.buffers = [position, rest];
    this.scene = scene;
  }

  /** Set the colors (list of RGB, 0-255) and which classes are shown (list of truth values): K + 1 of each. */
  setPalette(colors, shown) {
    const { gl } = this, rows = Math.ceil(colors.length / 256);
    const pixels = new Uint8Array(256 * rows * 4);
    colors.forEach((color, k) => pixels.set([...color, shown[k] ? 255 : 0], 4 * k));
    gl.bindTexture(gl.TEXTURE_2D, this.palette);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA8, 256, rows, 0, gl.RGBA, gl.UNSIGNED_BYTE, pixels);
    nearest(gl);
  }

  /** The images that points are drawn into, at `samples` pixels a side for each pixel of the canvas. */
  target(samples) {
    const { gl } = this;
    const width = this.canvas.width * samples, height = this.canvas.height * samples;
    const known = this.targets.get(samples);
    if (known && known.width === width && known.height === height) return known;
    if (known) this.discard(known);
    const target = { width, height, samples, frame: gl.createFramebuffer(), images: [] };
    gl.bindFramebuffer(gl.FRAMEBUFFER, target.frame);
    for (const [format, place] of [
      [gl.RGBA8, gl.COLOR_ATTACHMENT0], [gl.R32UI, gl.COLOR_ATTACHMENT1], [gl.DEPTH_COMPONENT24, gl.DEPTH_ATTACHMENT],
    ]) {
      const image = gl.createTexture();
      gl.bindTexture(gl.TEXTURE_2D, image);
      gl.texStorage2D(gl.TEXTURE_2D, 1, format, width, height);
      nearest(gl);
      gl.framebufferTexture2D(gl.FRAMEBUFFER, place, gl.TEXTURE_2D, image, 0);
      target.images.push(image);
    }
    gl.drawBuffers([gl.COLOR_ATTACHMENT0, gl.COLOR_ATTACHMENT1]);
    this.targets.set(samples, target);
    return target;
  }

  discard(target) {
    target.images.forEach((image) => this.gl.deleteTexture(image));
    this.gl.deleteFramebuffer(target.frame);
  }

  /**
   * Draw the views beside or above each other.
   * @param views list of { layer, x, y, width, height }: pixels of the canvas, y from below
   * @param camera the one of all views
   * @param look { size, cut, facing, pale, onlyErrors, spotlight, ground, samples, budget, density, pairs }
   */
  draw(views, camera, look) {
    if (!this.scene) return;
    const { gl } = this, target = this.target(look.samples), { samples } = look;
    gl.bindFramebuffer(gl.FRAMEBUFFER, target.frame);
    gl.disable(gl.BLEND);
    gl.enable(gl.SCISSOR_TEST);
    const drawn = views.map((view) => {
      const frame = camera.frame(view.width / view.height);
      const region = [view.x, view.y, view.width, view.height].map((value) => value * samples);
      this.drawPoints(view, region, frame, look);
      return { view, region, frame };
    });
    gl.bindFramebuffer(gl.FRAMEBUFFER, null);
    gl.disable(gl.DEPTH_TEST);
    for (const one of drawn) this.drawShade(one, target, look);
    gl.disable(gl.SCISSOR_TEST);
    this.last = target;
  }

  drawPoints(view, region, frame, look) {
    const { gl, scene } = this, { program, at } = this.points;
    gl.viewport(...region);
    gl.scissor(...region);
    gl.clearBufferfv(gl.COLOR, 0, [0, 0, 0, 0]);
    gl.clearBufferuiv(gl.COLOR, 1, [0, 0, 0, 0]);
    gl.enable(gl.DEPTH_TEST);
    gl.depthFunc(gl.LESS);
    gl.clearBufferfv(gl.DEPTH, 0, [1]);
    gl.useProgram(program);
    gl.bindVertexArray(this.vertices);
    gl.activeTexture(gl.TEXTURE0);
    gl.bindTexture(gl.TEXTURE_2D, this.palette);

    const count = Math.min(scene.count, Math.max(Math.round(look.budget), 1));
    const { right, forward } = frame.axes;
    const light = [0, 1, 2].map((i) => (i === 2 ? 0.75 : 0) - 0.45 * right[i] - 0.5 * forward[i]);
    gl.uniformMatrix4fv(at.view, false, frame.view);
    gl.uniformMatrix4fv(at.projection, false, frame.projection);
    gl.uniform3fv(at.eye, frame.eye);
    gl.uniform3fv(at.light, scaled(light, 1 / Math.hypot(...light)));
    gl.uniform1f(at.stepLength, scene.header.step);
    gl.uniform1f(at.height, region[3]);
    gl.uniform1f(at.tangent, TANGENT);
    // Fewer points are larger ones: surfaces stay closed.
    gl.uniform1f(at.radius, 0.9 * scene.header.spacing * look.size * Math.sqrt(scene.count / count));
    gl.uniform1f(at.smallest, 1.2 * look.samples);
    gl.uniform1f(at.cut, look.cut);
    gl.uniform1i(at.facing, look.facing);
    gl.uniform1i(at.lit, scene.normal !== null);
    gl.uniform1i(at.layer, LAYER_NUMBER[view.layer]);
    gl.uniform1i(at.filtered, filterOf(scene, view.layer));
    gl.uniform1i(at.spotlight, look.spotlight);
    gl.uniform1i(at.classes, description.taxonomy.names.length);
    gl.uniform1i(at.pale, look.pale);
    gl.uniform1i(at.onlyErrors, look.onlyErrors && scene.truth !== null && scene.prediction !== null);
    gl.uniform3fv(at.ground, look.ground);
    const { right: agrees, wrong, ignored, ramp } = description.colors;
    gl.uniform3fv(at.verdicts, [agrees, wrong, ignored].flat().map((x) => x / 255));
    gl.uniform3fv(at.ramp, ramp.flat().map((x) => x / 255));
    gl.uniform1i(at.palette, 0);
    gl.uniform1f(at.near, frame.near);
    gl.uniform1f(at.far, frame.far);
    gl.drawArrays(gl.POINTS, 0, count);
  }

  drawShade({ view, region, frame }, target, look) {
    const { gl } = this, { program, at } = this.shade;
    gl.viewport(0, 0, this.canvas.width, this.canvas.height);
    gl.scissor(view.x, view.y, view.width, view.height);
    gl.useProgram(program);
    gl.bindVertexArray(this.empty);
    gl.activeTexture(gl.TEXTURE0);
    gl.bindTexture(gl.TEXTURE_2D, target.images[0]);
    gl.activeTexture(gl.TEXTURE1);
    gl.bindTexture(gl.TEXTURE_2D, target.images[2]);
    gl.uniform1i(at.colors, 0);
    gl.uniform1i(at.depths, 1);
    gl.uniform3fv(at.ground, look.ground);
    gl.uniform1f(at.near, frame.near);
    gl.uniform1f(at.far, frame.far);
    gl.uniform1f(at.reach, 1.7 * look.samples * look.density);
    gl.uniform1f(at.relief, view.layer === "color" ? 0.6 : 1.0);
    gl.uniform1i(at.pairs, look.pairs);
    gl.uniform1i(at.samples, look.samples);
    gl.uniform4iv(at.region, region);
    gl.drawArrays(gl.TRIANGLES, 0, 3);
  }

  /** The point drawn at or next to a pixel of the canvas (y from below), or -1. */
  pick(x, y) {
    const target = this.last;
    if (!target) return -1;
    const { gl } = this, reach = 2 * target.samples, size = 2 * reach + 1;
    const left = Math.round(x * target.samples) - reach, low = Math.round(y * target.samples) - reach;
    gl.bindFramebuffer(gl.FRAMEBUFFER, target.frame);
    gl.readBuffer(gl.COLOR_ATTACHMENT1);
    const numbers = new Uint32Array(4 * size * size); // what lies outside the image stays 0
    gl.readPixels(left, low, size, size, gl.RGBA_INTEGER, gl.UNSIGNED_INT, numbers);
    gl.bindFramebuffer(gl.FRAMEBUFFER, null);
    let found = -1, least = Infinity;
    for (let i = 0; i < size * size; i++) {
      const away = Math.hypot((i % size) - reach, Math.floor(i / size) - reach);
      if (numbers[4 * i] > 0 && away < least) { least = away; found = numbers[4 * i] - 1; }
    }
    return found;
  }
}

function nearest(gl) {
  gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, gl.NEAREST);
  gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MAG_FILTER, gl.NEAREST);
  gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_WRAP_S, gl.CLAMP_TO_EDGE);
  gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_WRAP_T, gl.CLAMP_TO_EDGE);
}

/** Three uint16 a point, padded to four: graphics cards want attributes at multiples of four bytes. */
function alignedPositions(position) {
  const count = position.length / 3, padded = new Uint16Array(4 * count);
  for (let i = 0; i < count; i++) {
    padded[4 * i] = position[3 * i];
    padded[4 * i + 1] = position[3 * i + 1];
    padded[4 * i + 2] = position[3 * i + 2];
  }
  return padded;
}

/** Twelve bytes a point: truth and prediction (uint16), RGB and confidence, the two normals. */
function interleaved(scene, plain) {
  const { count, truth, prediction, color, confidence, normal, facing } = scene;
  const none = description.taxonomy.names.length;
  const buffer = new ArrayBuffer(12 * count);
  const words = new Uint16Array(buffer), bytes = new Uint8Array(buffer);
  for (let i = 0; i < count; i++) {
    words[6 * i] = truth ? truth[i] : none;
    words[6 * i + 1] = prediction ? prediction[i] : none;
    const at = 12 * i;
    for (let c = 0; c < 3; c++) bytes[at + 4 + c] = color ? color[3 * i + c] : plain[c];
    bytes[at + 7] = confidence ? confidence[i] : 255;
    for (let c = 0; normal && c < 2; c++) {
      bytes[at + 8 + c] = normal[2 * i + c];
      bytes[at + 10 + c] = facing[2 * i + c];
    }
  }
  return buffer;
}
