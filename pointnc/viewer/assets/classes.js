// Which classes are shown. Index K stands for the points without a class.

class Classes {
  constructor(count, changed) {
    this.shown = new Array(count + 1).fill(true);
    this.changed = changed;
  }

  set(shown) {
    this.shown = this.shown.map((_, k) => shown(k));
    this.changed();
  }

  toggle(k) { this.set((other) => (other === k ? !this.shown[k] : this.shown[other])); }

  /** Show some classes alone; if they are alone already, show all. */
  isolate(some) {
    const wanted = new Set(some);
    const already = this.shown.every((shown, k) => shown === wanted.has(k));
    this.set((k) => already || wanted.has(k));
  }

  all() { this.set(() => true); }
  none() { this.set(() => false); }
  invert() { this.set((k) => !this.shown[k]); }
}
