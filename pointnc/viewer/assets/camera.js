// A camera that circles a target; z is up. Lengths are meters from the scene's lowest corner.

const TANGENT = Math.tan((26 / 2) * Math.PI / 180); // of half the vertical angle of view: nearly a plan, as of a doll's house

class Camera {
  constructor() {
    this.target = [0, 0, 0];
    this.azimuth = 0;      // radians from the x axis to the side on which the camera stands
    this.elevation = 0.73; // radians above the horizon
    this.distance = 10;
    this.radius = 10;      // of the scene: how far near and far must reach
    this.center = [0, 0, 0];
  }

  /** Unit vectors to the right, up and forward. */
  axes() {
    const ca = Math.cos(this.azimuth), sa = Math.sin(this.azimuth);
    const ce = Math.cos(this.elevation), se = Math.sin(this.elevation);
    return { right: [-sa, ca, 0], up: [-ca * se, -sa * se, ce], forward: [-ca * ce, -sa * ce, -se] };
  }

  eye() {
    return add(this.target, scaled(this.axes().forward, -this.distance));
  }

  /** All that shaders want to know for a picture of this aspect. */
  frame(aspect) {
    const axes = this.axes(), eye = this.eye();
    const middle = dot(add(this.center, scaled(eye, -1)), axes.forward);
    const far = Math.max(middle + this.radius, this.distance * 0.1);
    const near = Math.max(middle - this.radius, Math.min(this.distance * 0.05, far * 0.5), far * 1e-4);
    return {
      axes, eye, near, far,
      view: viewMatrix(eye, axes),
      projection: projectionMatrix(TANGENT, aspect, near, far),
    };
  }

  orbit(dx, dy) {
    this.azimuth -= dx;
    this.elevation = clamp(this.elevation + dy, -1.55, 1.55);
  }

  /** Move the target so that it follows a pointer that moved by a share of the picture's height. */
  pan(dx, dy) {
    const { right, up } = this.axes(), size = 2 * TANGENT * this.distance;
    this.target = add(this.target, add(scaled(right, -dx * size), scaled(up, dy * size)));
  }

  /** Come nearer by `factor` < 1; what lies at (x, y), in half heights from the middle, stays there. */
  zoom(factor, x, y) {
    const distance = clamp(this.distance * factor, this.radius * 0.004, this.radius * 20);
    const moved = (this.distance - distance) * TANGENT;
    const { right, up } = this.axes();
    this.target = add(this.target, add(scaled(right, x * moved), scaled(up, y * moved)));
    this.distance = distance;
  }

  /**
   * Look at a scene from outside so that it fills the picture.
   * @param box [low, high] corners
   * @param sample called with the viewing direction; some of the points that are seen from there
   * @param aspect width by height of the picture
   * @param free share of the height that nothing covers
   * @param view "oblique" or "top"
   */
  fit(box, sample, aspect, free, view) {
    const [low, high] = box;
    const size = add(high, scaled(low, -1));
    this.center = scaled(add(low, high), 0.5);
    this.radius = Math.max(Math.hypot(...size) * 0.75, 0.05);
    // The longer side of a room runs along the longer side of the picture.
    const turned = (size[1] > size[0]) === (aspect > 1);
    this.azimuth = ((view === "top" ? -90 : -61) + (turned ? 90 : 0)) * Math.PI / 180;
    this.elevation = view === "top" ? 1.55 : 42 * Math.PI / 180;
    this.target = this.center;
    this.distance = 4 * this.radius;
    const { right, up, forward } = this.axes();
    const points = sample(forward);
    // Each round puts the middle of what is seen into the middle of the picture, then comes as near as it can.
    for (let round = 0; round < 4 && points.length > 0; round++) {
      const low = [Infinity, Infinity], high = [-Infinity, -Infinity];
      const seen = points.map((point) => {
        const local = add(point, scaled(this.target, -1));
        return [dot(local, right), dot(local, up), dot(local, forward)];
      });
      for (const p of seen) {
        for (const axis of [0, 1]) {
          const tangent = p[axis] / (p[2] + this.distance);
          low[axis] = Math.min(low[axis], tangent);
          high[axis] = Math.max(high[axis], tangent);
        }
      }
      const shift = [0, 1].map((axis) => (low[axis] + high[axis]) / 2 * this.distance);
      this.target = add(this.target, add(scaled(right, shift[0]), scaled(up, shift[1])));
      let distance = 0.05 * this.radius;
      for (const p of seen) {
        const wide = Math.abs(p[0] - shift[0]) / (TANGENT * aspect), tall = Math.abs(p[1] - shift[1]) / (TANGENT * free);
        distance = Math.max(distance, 1.06 * Math.max(wide, tall) - p[2]);
      }
      this.distance = distance;
    }
  }
}
