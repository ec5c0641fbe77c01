// Mouse, pen and touch to movements of the camera.
//
// Mouse: drag turns; right, middle or shift drag moves; wheel zooms; double click looks at a point.
// Touch: one finger turns; two fingers move and zoom; a tap asks for a point; a double tap looks at it.

const TAP = { distance: 8, time: 350 }; // pixels and milliseconds within which a press counts as a tap

class Gestures {
  /**
   * @param element what is touched
   * @param act { orbit(dx, dy), pan(dx, dy), zoom(factor, x, y), hover(x, y), tap(x, y), look(x, y), leave() };
   *            x and y in css pixels of the element, dx and dy likewise
   */
  constructor(element, act) {
    this.element = element;
    this.act = act;
    this.pressed = new Map(); // pointerId -> last place
    this.tapped = null;
    element.addEventListener("pointerdown", (event) => this.press(event));
    element.addEventListener("pointermove", (event) => this.move(event));
    for (const end of ["pointerup", "pointercancel"]) element.addEventListener(end, (event) => this.release(event));
    element.addEventListener("pointerleave", (event) => { if (event.pointerType === "mouse") act.leave(); });
    element.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    element.addEventListener("dblclick", (event) => act.look(...this.place(event)));
    element.addEventListener("contextmenu", (event) => event.preventDefault());
  }

  get busy() { return this.pressed.size > 0; }

  place(event) {
    const box = this.element.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  press(event) {
    // A pointer that was invented by a program cannot be captured; it works all the same.
    try { this.element.setPointerCapture(event.pointerId); } catch { /* see above */ }
    this.pressed.set(event.pointerId, this.place(event));
    this.start = { place: this.place(event), time: event.timeStamp, single: this.pressed.size === 1 };
    if (event.pointerType === "mouse") this.act.leave();
  }

  move(event) {
    const here = this.place(event), before = this.pressed.get(event.pointerId);
    if (!before) {
      if (event.pointerType === "mouse") this.act.hover(...here);
      return;
    }
    if (this.pressed.size === 1) {
      const dx = here[0] - before[0], dy = here[1] - before[1];
      const sideways = event.shiftKey || event.ctrlKey || (event.buttons & 6) !== 0;
      if (sideways) this.act.pan(dx, dy); else this.act.orbit(dx, dy);
    } else if (this.pressed.size === 2) {
      const other = [...this.pressed].find(([id]) => id !== event.pointerId)[1];
      const was = Math.hypot(before[0] - other[0], before[1] - other[1]);
      const is = Math.hypot(here[0] - other[0], here[1] - other[1]);
      // Each finger moves the middle by half of its own way.
      this.act.pan((here[0] - before[0]) / 2, (here[1] - before[1]) / 2);
      if (was > 4 && is > 4) this.act.zoom(was / is, (here[0] + other[0]) / 2, (here[1] + other[1]) / 2);
    }
    this.pressed.set(event.pointerId, here);
  }

  release(event) {
    if (!this.pressed.delete(event.pointerId) || event.type === "pointercancel" || event.pointerType === "mouse") return;
    const here = this.place(event), { place, time, single } = this.start;
    const near = (a, b) => Math.hypot(a[0] - b[0], a[1] - b[1]);
    if (!single || near(here, place) > TAP.distance || event.timeStamp - time > TAP.time) return;
    const again = this.tapped && event.timeStamp - this.tapped.time < TAP.time && near(here, this.tapped.place) < 30;
    this.tapped = again ? null : { place: here, time: event.timeStamp };
    if (again) this.act.look(...here); else this.act.tap(...here);
  }

  wheel(event) {
    event.preventDefault();
    const pixels = event.deltaY * [1, 16, 400][event.deltaMode];
    // Fingers on a trackpad that pinch arrive as a wheel with ctrl, in smaller steps.
    const speed = event.ctrlKey ? 0.01 : 0.0014;
    this.act.zoom(Math.exp(clamp(pixels, -300, 300) * speed), ...this.place(event));
  }
}
