// The list of a scene's classes: color, name, number of points, IoU; a search box and the order of the rows.

const number = new Intl.NumberFormat("en").format;
const percent = (value) => (value === null || value === undefined ? "–" : value.toFixed(1));
const css = ([red, green, blue]) => `rgb(${red} ${green} ${blue})`;

/** 1234 -> 1.2k, 1234567 -> 1.2M: columns stay narrow. */
function short(count) {
  if (count < 1000) return String(count);
  if (count < 999500) return `${(count / 1000).toFixed(count < 99500 ? 1 : 0)}k`;
  return `${(count / 1e6).toFixed(1)}M`;
}

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

class Legend {
  /**
   * @param parts { list, search, order, count } elements of the page
   * @param classes the Classes that rows switch
   * @param spotlight called with the class of the row under the pointer, or -1
   */
  constructor(parts, classes, spotlight) {
    Object.assign(this, { parts, classes, spotlight, rows: [] });
    parts.search.addEventListener("input", () => this.filter());
    parts.search.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && parts.search.value) classes.isolate(this.matching());
      if (event.key === "Escape") { parts.search.value = ""; this.filter(); parts.search.blur(); }
    });
    parts.order.addEventListener("change", () => this.sort());
    parts.list.addEventListener("pointerleave", () => spotlight(-1));
  }

  /** List the classes of a scene. */
  setScene(header) {
    const { taxonomy, colors } = description, { figures } = header, K = taxonomy.names.length;
    this.parts.order.querySelector("[value=iou]").disabled = !figures.iou;
    if (!figures.iou && this.parts.order.value === "iou") this.parts.order.value = "points";
    this.rows = [];
    for (let k = 0; k <= K; k++) {
      const truth = figures.truth ? figures.truth[k] : 0, predicted = figures.prediction ? figures.prediction[k] : 0;
      if (truth + predicted === 0) continue;
      const iou = figures.iou && k < K ? figures.iou[k] : null;
      const name = k < K ? taxonomy.names[k] : "no class";
      const color = k < K ? taxonomy.colors[k] : colors.none;
      this.rows.push(this.row({ k, name, color, truth, predicted, iou, group: taxonomy.groups[k] || "" }, figures));
    }
    this.sort();
    this.update();
  }

  row(entry, figures) {
    const { k, name, color, truth, predicted, iou, group } = entry;
    const both = figures.truth && figures.prediction;
    const points = figures.truth ? truth : predicted;
    const title = [
      figures.truth ? `${number(truth)} points in the truth` : "",
      figures.prediction ? `${number(predicted)} in the prediction` : "",
      group && `a ${group} class`,
    ].filter(Boolean).join(", ");
    const swatch = element("span", { class: "swatch" });
    swatch.style.background = css(color);
    const toggle = element("button", { class: "toggle", type: "button", title: `${name}: ${title}` },
      swatch, element("span", { class: "name" }, name));
    toggle.addEventListener("click", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey) this.classes.isolate([k]); else this.classes.toggle(k);
    });
    toggle.addEventListener("dblclick", () => this.classes.isolate([k]));
    const only = element("button", { class: "only", type: "button", title: `show ${name} alone, or all again` }, "only");
    only.addEventListener("click", () => this.classes.isolate([k]));
    const row = element("li", { "data-class": k, "data-group": group },
      toggle, only, element("span", { class: "points" }, short(points)));
    if (both) {
      const bar = element("i");
      bar.style.setProperty("--v", `${iou ?? 0}%`);
      row.append(element("span", { class: "iou" }, percent(iou), bar));
    }
    row.addEventListener("pointerenter", (event) => { if (event.pointerType === "mouse") this.spotlight(k); });
    return { ...entry, points, row, toggle };
  }

  /** Bring the rows into the chosen order. */
  sort() {
    const keys = {
      points: (a, b) => b.points - a.points || b.predicted - a.predicted,
      iou: (a, b) => (a.iou ?? 101) - (b.iou ?? 101) || b.points - a.points,
      name: (a, b) => a.name.localeCompare(b.name),
    };
    this.rows.sort(keys[this.parts.order.value]);
    this.parts.list.replaceChildren(...this.rows.map(({ row }) => row));
    this.filter();
  }

  matching() {
    const words = this.parts.search.value.toLowerCase().split(/\s+/).filter(Boolean);
    return this.rows.filter(({ name, group }) =>
      words.every((word) => name.toLowerCase().includes(word) || group === word)).map(({ k }) => k);
  }

  /** Show the rows that have all words of the search box in their name, or are of the group it names. */
  filter() {
    const kept = new Set(this.matching());
    for (const { k, row } of this.rows) row.hidden = !kept.has(k);
    this.parts.count.textContent =
      kept.size === this.rows.length ? `${this.rows.length} in this scene` : `${kept.size} of ${this.rows.length}`;
    this.parts.list.classList.toggle("nothing", kept.size === 0);
  }

  /** Show in the rows which classes are hidden. */
  update() {
    for (const { k, row, toggle } of this.rows) {
      row.classList.toggle("off", !this.classes.shown[k]);
      toggle.setAttribute("aria-pressed", this.classes.shown[k]);
    }
  }
}
