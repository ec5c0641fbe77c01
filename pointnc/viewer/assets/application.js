// Puts the parts together: state, drawing when something changed, buttons and keys.

const at = (id) => document.getElementById(id);
const STILL = 160; // milliseconds without movement after which the whole scene is drawn, finely
const LEAST = 40000; // points that are drawn however slow the device

class Application {
  constructor() {
    this.canvas = at("canvas");
    this.renderer = new Renderer(this.canvas);
    this.camera = new Camera();
    this.classes = new Classes(description.taxonomy.names.length, () => this.classesChanged());
    this.legend = new Legend(
      { list: at("list"), search: at("search"), order: at("order"), count: at("count") },
      this.classes, (k) => { if (this.look.spotlight !== k) { this.look.spotlight = k; this.redraw(); } });
    this.look = { size: 1, cut: 1e9, facing: true, pale: false, onlyErrors: false, spotlight: -1, budget: Infinity };
    this.panes = [];
    this.number = -1;
    this.scene = null;
    this.moving = false;
    this.pending = 0;
    this.connect();
  }

  async start() {
    for (const [i, { name }] of description.scenes.entries()) at("scenes").append(element("option", { value: i }, name));
    at("scenes").disabled = description.scenes.length < 2;
    this.setTheme(matchMedia("(prefers-color-scheme: dark)").matches);
    this.setPanes(["prediction"]);
    await this.setScene(0);
  }

  // ---- scenes and layers

  async setScene(number) {
    const { scenes } = description;
    this.number = (number + scenes.length) % scenes.length;
    at("scenes").value = this.number;
    at("busy").hidden = false;
    await new Promise((done) => setTimeout(done, 30)); // the browser shows the message before it unpacks
    const wanted = this.number, scene = await loadScene(wanted);
    if (wanted !== this.number) return; // another one was chosen in the meantime
    this.scene = scene;
    this.look.budget = scene.count;
    this.renderer.setScene(scene);
    this.legend.setScene(scene.header);
    this.sendPalette();
    this.showFigures();
    for (const pane of this.panes) pane.show(pane.layer, scene.header);
    this.showControls();
    this.fit("oblique");
    at("busy").hidden = true;
  }

  /** One view, or two side by side, of these layers. */
  setPanes(layers) {
    this.panes = layers.map((layer, i) => new Pane(layer, (name) => this.setLayer(name, i)));
    at("panes").replaceChildren(...this.panes.map((pane) => pane.node));
    at("panes").classList.toggle("split", layers.length > 1);
    at("split").setAttribute("aria-pressed", layers.length > 1);
    if (this.scene) {
      for (const pane of this.panes) pane.show(pane.layer, this.scene.header);
      this.fitAgain();
    }
    this.redraw();
  }

  setLayer(layer, pane = 0) {
    if (!this.scene || !this.scene.header.layers.includes(layer)) return;
    this.panes[pane].show(layer, this.scene.header);
    this.redraw();
  }

  split() {
    if (!this.scene) return;
    if (this.panes.length > 1) return this.setPanes([this.panes[0].layer]);
    const has = (layer) => this.scene.header.layers.includes(layer);
    if (has("truth") && has("prediction")) return this.setPanes(["truth", "prediction"]);
    return this.setPanes(["color", this.panes[0].layer === "color" ? this.scene.header.layers.at(-1) : this.panes[0].layer]);
  }

  showFigures() {
    const { header } = this.scene, { figures } = header;
    const left = header.count < header.points ? `, ${number(header.count)} of them here` : "";
    const parts = [["points", number(header.points) + left]];
    if (figures.accuracy !== null) parts.push(["accuracy", `${percent(figures.accuracy)} %`]);
    if (figures.miou !== null) parts.push(["mIoU", `${percent(figures.miou)} %`]);
    at("figures").replaceChildren(...parts.map(([name, value]) =>
      element("div", {}, element("dt", {}, name), element("dd", {}, value))));
    at("panel").classList.toggle("scored", figures.iou !== null);
  }

  /** Controls for which the scene has no data are not there. */
  showControls() {
    const { header, normal } = this.scene, [low, high] = header.box, room = high[2] - low[2];
    at("facing").closest("label").hidden = !normal;
    at("errors").closest("label").hidden = !header.layers.includes("error");
    at("cut").max = room.toFixed(3);
    at("cut").step = (room / 200).toFixed(5);
    // As the pictures of the report: anything from a bathroom to a hall has its ceiling in the uppermost tenth.
    this.setCut(room > 1.8 && room < 6 ? 0.9 * room : room);
  }

  setCut(meters) {
    const room = Number(at("cut").max);
    at("cut").value = clamp(meters, 0, room);
    const value = Number(at("cut").value), { box, low } = this.scene.header;
    this.look.cut = value >= room * 0.999 ? 1e9 : box[0][2] - low[2] + value;
    at("cut-value").textContent = value >= room * 0.999 ? "all" : `${value.toFixed(1)} m`;
    this.redraw();
  }

  setSize(size) {
    at("size").value = clamp(size, 0.3, 4);
    this.look.size = Number(at("size").value);
    at("size-value").textContent = `${this.look.size.toFixed(1)} ×`;
    this.redraw();
  }

  classesChanged() {
    this.sendPalette();
    this.legend.update();
    this.redraw();
  }

  sendPalette() {
    this.renderer.setPalette([...description.taxonomy.colors, description.colors.none], this.classes.shown);
  }

  setTheme(dark) {
    document.documentElement.dataset.theme = dark ? "dark" : "light";
    const channels = getComputedStyle(document.documentElement).getPropertyValue("--stage").match(/[\d.]+/g);
    this.look.ground = channels.slice(0, 3).map((value) => value / 255);
    this.redraw();
  }

  // ---- camera

  /** The box that is seen, from the scene's lowest corner, without what the cut takes away. */
  box() {
    const { box, low } = this.scene.header;
    const [from, to] = box.map((corner) => corner.map((value, axis) => value - low[axis]));
    return [from, [to[0], to[1], Math.min(to[2], this.look.cut)]];
  }

  /** Some of the points that are seen along a direction: below the cut, and not turned away. */
  sample(forward) {
    const { scene } = this, points = [];
    for (let i = 0; i < Math.min(scene.count, 6000); i++) {
      const point = [0, 1, 2].map((axis) => scene.position[3 * i + axis] * scene.header.step);
      const away = this.look.facing && scene.facing && dot(unfoldNormal(scene.facing, i), forward) > -0.1;
      if (point[2] <= this.look.cut && !away) points.push(point);
    }
    return points;
  }

  fit(view) {
    if (!this.scene) return;
    this.lastFit = view;
    const box = this.panes[0].node.getBoundingClientRect();
    const free = Math.max(1 - 112 / box.height, 0.3);
    this.camera.fit(this.box(), (forward) => this.sample(forward), box.width / box.height, free, view);
    this.untouched = true; // the bar of layers and the key cover what is left free above and below
    this.redraw();
  }

  /** After the panes changed: fit again, unless someone has chosen a view. */
  fitAgain() { if (this.untouched) this.fit(this.lastFit); }

  moved() {
    this.untouched = false;
    this.moving = true;
    this.hideTip();
    clearTimeout(this.stillness);
    this.stillness = setTimeout(() => { this.moving = false; this.redraw(); }, STILL);
    this.redraw();
  }

  // ---- drawing

  redraw() {
    if (!this.pending) this.pending = requestAnimationFrame((time) => this.draw(time));
  }

  draw(time) {
    this.pending = 0;
    if (!this.scene) return;
    this.resize();
    // Only the time between two frames of one movement says how long a frame takes.
    if (this.moving && this.frameTime) this.adapt(time - this.frameTime);
    this.frameTime = this.moving ? time : 0;
    const density = this.density();
    // At rest each pixel is the mean of four where pixels are large: smooth edges.
    const fine = !this.moving && density < 1.75 && this.canvas.width * this.canvas.height < 5e6;
    this.renderer.draw(this.panes.map((pane) => pane.region(this.canvas, density)), this.camera, {
      ...this.look, density, samples: fine ? 2 : 1, budget: this.moving ? this.look.budget : this.scene.count,
      pairs: this.moving && this.look.budget < this.scene.count ? 4 : 12,
    });
    this.canvas.dataset.drawn = Number(this.canvas.dataset.drawn || 0) + 1;
  }

  /** While the camera moves, draw as many points as the device can in a 30th of a second. */
  adapt(passed) {
    const factor = passed > 40 ? Math.max(33 / passed, 0.2) : passed < 24 ? 1.2 : 1;
    this.look.budget = clamp(this.look.budget * factor, Math.min(LEAST, this.scene.count), this.scene.count);
  }

  density() { return Math.min(window.devicePixelRatio || 1, 2); }

  resize() {
    const box = this.canvas.getBoundingClientRect(), density = this.density();
    const width = Math.max(Math.round(box.width * density), 1), height = Math.max(Math.round(box.height * density), 1);
    if (this.canvas.width !== width || this.canvas.height !== height) Object.assign(this.canvas, { width, height });
  }

  /** A png of what is seen, finely drawn, as a download. */
  screenshot() {
    if (!this.scene) return;
    this.moving = false;
    this.draw(performance.now());
    const layers = this.panes.map((pane) => pane.layer).join("_");
    // In the same turn as the drawing: afterwards the browser may clear the canvas.
    this.canvas.toBlob((blob) => {
      const link = element("a", { href: URL.createObjectURL(blob), download: `${this.scene.header.name}_${layers}.png` });
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 10000);
    }, "image/png");
  }

  // ---- what the pointer is on

  pickAt(x, y) {
    const density = this.density();
    return this.scene ? this.renderer.pick(x * density, this.canvas.height - y * density) : -1;
  }

  hover(x, y) {
    if (this.hovering) return;
    this.hovering = requestAnimationFrame(() => { this.hovering = 0; this.showTip(x, y); });
  }

  showTip(x, y) {
    const point = this.pickAt(x, y), tip = at("tip");
    if (point < 0) return this.hideTip();
    const said = describePoint(this.scene, point), { taxonomy, colors } = description, K = taxonomy.names.length;
    const line = (title, k, sure) => {
      const swatch = element("span", { class: "swatch" });
      swatch.style.background = css(k < K ? taxonomy.colors[k] : colors.none);
      const more = sure === null ? [] : [element("span", { class: "sure" }, `${Math.round(100 * sure)} %`)];
      return element("div", {}, element("span", { class: "what" }, title), swatch,
        element("b", {}, k < K ? taxonomy.names[k] : "no class"), ...more);
    };
    const lines = [];
    if (said.truth !== null) lines.push(line("truth", said.truth, null));
    if (said.prediction !== null) lines.push(line("prediction", said.prediction, said.confidence));
    const place = said.coordinates.map((value) => value.toFixed(2)).join(", ");
    lines.push(element("small", {}, `point ${number(said.number)} at (${place}) m`));
    tip.replaceChildren(...lines);
    const wrong = said.truth !== null && said.prediction !== null && said.truth < K && said.truth !== said.prediction;
    tip.classList.toggle("wrong", wrong);
    tip.hidden = false;
    const stage = this.canvas.getBoundingClientRect(), box = tip.getBoundingClientRect();
    tip.style.left = `${x + 16 + box.width > stage.width ? Math.max(x - box.width - 12, 4) : x + 16}px`;
    tip.style.top = `${clamp(y + 16, 4, stage.height - box.height - 4)}px`;
  }

  hideTip() { at("tip").hidden = true; }

  lookAt(x, y) {
    const point = this.pickAt(x, y);
    if (point < 0) return;
    const { position, header } = this.scene;
    this.camera.target = [0, 1, 2].map((axis) => position[3 * point + axis] * header.step);
    this.camera.distance = Math.max(this.camera.distance * 0.6, this.camera.radius * 0.05);
    this.moved();
  }

  /** From css pixels to half heights from the middle of the view that they lie in. */
  local(x, y) {
    const pane = this.panes.find((one) => one.contains(x, y, this.canvas)) || this.panes[0];
    const box = pane.node.getBoundingClientRect(), whole = this.canvas.getBoundingClientRect();
    return [
      (x - (box.left - whole.left) - box.width / 2) / (box.height / 2),
      -(y - (box.top - whole.top) - box.height / 2) / (box.height / 2),
    ];
  }

  // ---- buttons and keys

  connect() {
    const height = () => this.panes[0].node.getBoundingClientRect().height;
    const { camera } = this;
    this.gestures = new Gestures(this.canvas, {
      orbit: (dx, dy) => { camera.orbit(dx * 0.006, dy * 0.006); this.moved(); },
      pan: (dx, dy) => { camera.pan(dx / height(), dy / height()); this.moved(); },
      zoom: (factor, x, y) => { camera.zoom(factor, ...this.local(x, y)); this.moved(); },
      hover: (x, y) => this.hover(x, y),
      tap: (x, y) => this.showTip(x, y),
      look: (x, y) => this.lookAt(x, y),
      leave: () => this.hideTip(),
    });
    new ResizeObserver(() => { this.fitAgain(); this.redraw(); }).observe(at("stage"));
    this.canvas.addEventListener("webglcontextlost", () => fail("The graphics driver gave up; load the page again."));

    const actions = {
      fit: () => this.fit("oblique"),
      top: () => this.fit("top"),
      split: () => this.split(),
      shot: () => this.screenshot(),
      theme: () => this.setTheme(document.documentElement.dataset.theme !== "dark"),
      help: () => at("shortcuts").showModal(),
      fold: () => { document.body.classList.toggle("folded"); },
      all: () => this.classes.all(),
      none: () => this.classes.none(),
      invert: () => this.classes.invert(),
    };
    for (const [id, act] of Object.entries(actions)) at(id).addEventListener("click", act);
    at("scenes").addEventListener("change", () => this.setScene(Number(at("scenes").value)));
    at("size").addEventListener("input", () => this.setSize(Number(at("size").value)));
    at("cut").addEventListener("input", () => this.setCut(Number(at("cut").value)));
    const boxes = { facing: "facing", pale: "pale", errors: "onlyErrors" };
    for (const [id, name] of Object.entries(boxes)) {
      at(id).addEventListener("change", () => { this.look[name] = at(id).checked; this.redraw(); });
    }
    if (matchMedia("(max-width: 760px)").matches) document.body.classList.add("folded");

    const keys = {
      f: actions.fit, t: actions.top, s: actions.split, p: actions.shot, d: actions.theme, l: actions.fold, a: actions.all,
      i: actions.invert, h: () => at("facing").click(), g: () => at("pale").click(), e: () => at("errors").click(),
      "?": actions.help, "/": () => { document.body.classList.remove("folded"); at("search").focus(); },
      "+": () => this.setSize(this.look.size * 1.2), "-": () => this.setSize(this.look.size / 1.2),
      "[": () => this.setCut(Number(at("cut").value) - 0.1), "]": () => this.setCut(Number(at("cut").value) + 0.1),
      n: () => this.setScene(this.number + 1), b: () => this.setScene(this.number - 1),
    };
    document.addEventListener("keydown", (event) => {
      const typing = event.target instanceof HTMLInputElement && event.target.type === "search";
      if (typing || event.target instanceof HTMLSelectElement || event.ctrlKey || event.metaKey || event.altKey) return;
      if (!this.scene || at("shortcuts").open) return;
      const layer = /^[1-5]$/.test(event.key) ? Object.keys(description.layers)[Number(event.key) - 1] : null;
      if (layer) this.setLayer(layer, event.shiftKey && this.panes.length > 1 ? 1 : 0);
      else if (/^Digit[1-5]$/.test(event.code) && event.shiftKey && this.panes.length > 1) {
        this.setLayer(Object.keys(description.layers)[Number(event.code.at(-1)) - 1], 1);
      } else if (keys[event.key]) { event.preventDefault(); keys[event.key](); }
    });
  }
}

/** Say what is wrong instead of showing an empty page. */
function fail(message) {
  at("busy").textContent = message;
  at("busy").classList.add("failed");
  at("busy").hidden = false;
}

try {
  const application = new Application();
  window.viewer = application; // for the console, and for tests
  application.start().catch((error) => { fail(error.message); throw error; });
} catch (error) {
  fail(error.message);
  throw error;
}
