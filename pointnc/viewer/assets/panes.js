// A pane is one view: the bar that chooses its layer, and the key to the colors of that layer.

class Pane {
  /** @param chosen called with the layer that was clicked */
  constructor(layer, chosen) {
    this.layer = layer;
    this.bar = element("div", { class: "layers", role: "radiogroup", "aria-label": "Layer" });
    this.key = element("div", { class: "key" });
    this.node = element("section", { class: "pane" }, this.bar, this.key);
    this.buttons = Object.entries(description.layers).map(([name, title], position) => {
      const button = element("button",
        { type: "button", role: "radio", "data-layer": name, title: `${title} (${position + 1})` }, title);
      button.addEventListener("click", () => chosen(name));
      this.bar.append(button);
      return button;
    });
  }

  /** Show a layer, or the first one that the scene has; the key says what its colors mean. */
  show(layer, header) {
    this.layer = header.layers.includes(layer) ? layer : header.layers[0];
    for (const button of this.buttons) {
      const name = button.dataset.layer;
      button.hidden = !header.layers.includes(name);
      button.setAttribute("aria-checked", name === this.layer);
    }
    this.key.replaceChildren(...this.entries(header));
    this.key.hidden = this.key.childElementCount === 0;
  }

  entries(header) {
    const { right, wrong, ignored, ramp } = description.colors;
    if (this.layer === "error") {
      const total = header.figures.verdicts.reduce((a, b) => a + b, 0);
      return [["agrees", right], ["differs", wrong], ["not scored", ignored]].map(([name, color], i) => {
        const swatch = element("span", { class: "swatch" });
        swatch.style.background = css(color);
        return element("span", {}, swatch, `${name} ${percent(100 * header.figures.verdicts[i] / total)} %`);
      });
    }
    if (this.layer === "confidence") {
      const strip = element("i", { class: "ramp" });
      strip.style.background = `linear-gradient(to right, ${ramp.map(css).join(", ")})`;
      return [element("span", {}, "unsure"), strip, element("span", {}, "sure")];
    }
    return [];
  }

  /** Where the pane lies on the canvas, in its pixels, y from below. */
  region(canvas, density) {
    const box = this.node.getBoundingClientRect(), whole = canvas.getBoundingClientRect();
    const left = Math.round((box.left - whole.left) * density), top = Math.round((box.top - whole.top) * density);
    const right = Math.round((box.right - whole.left) * density);
    const bottom = Math.round((box.bottom - whole.top) * density);
    return { layer: this.layer, x: left, y: canvas.height - bottom, width: right - left, height: bottom - top };
  }

  contains(x, y, canvas) {
    const box = this.node.getBoundingClientRect(), whole = canvas.getBoundingClientRect();
    return x >= box.left - whole.left && x < box.right - whole.left && y >= box.top - whole.top && y < box.bottom - whole.top;
  }
}
