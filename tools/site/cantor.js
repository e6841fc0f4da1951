"use strict";
// Cantor stairs that turn: the formulas of nbs/10_geometry.cantor.ipynb, for one number.
window.cantor = (() => {
  const CENTERS = [.5, 1.5, 2.5];

  // Soft membership of the three thirds
  function softDigits(y, tau) {
    const d = CENTERS.map(c => -((y - c) ** 2) / Math.max(tau, 1e-30));
    const top = Math.max(...d), e = d.map(v => Math.exp(v - top));
    return e.map(v => v / (e[0] + e[1] + e[2]));
  }

  // Differentiable stairs: the value at x and its soft digits, level by level
  function softStairs(x, alpha, tau, levels) {
    let value = 0, reading = 1;
    const digits = [];
    for (let l = 1; l <= levels; l++) {
      const y = 3 * x, p = softDigits(y, tau);
      value += 2 ** -l * reading * (p[2] + 2 * alpha * p[1]);
      reading *= 1 - p[1];
      digits.push(p);
      x = y - Math.min(Math.floor(y), 2);
    }
    return {value, digits};
  }

  // The Cantor-Lebesgue function
  function exactStairs(x, levels = 33) {
    let value = 0;
    for (let l = 1; l <= levels; l++) {
      const y = 3 * x, digit = Math.min(Math.floor(y), 2);
      if (digit >= 1) value += 2 ** -l;
      if (digit === 1) break;
      x = y - digit;
    }
    return value;
  }

  return {softDigits, softStairs, exactStairs};
})();

{
  const {draw, short, show} = window.playground, {softStairs, exactStairs} = window.cantor;
  const X = Array.from({length: 1001}, (_, i) => i / 1000);
  const NINTHS = [[0, "0"], [1, "1/9"], [3, "1/3"], [6, "2/3"], [8, "8/9"], [9, "1"]];

  function picture({alpha, tau, levels, x}, width) {
    const soft = X.map(v => softStairs(v, alpha, tau, levels).value);
    const low = Math.min(0, ...soft), high = Math.max(1, ...soft);
    const height = Math.round(Math.min(.62 * width, 330));
    const left = 40, right = 12, top = 10, bottom = 40;
    const at = v => left + v * (width - left - right);
    const up = v => height - bottom - (v - low) / (high - low) * (height - top - bottom);
    const point = (x, y) => `${at(x).toFixed(1)} ${up(y).toFixed(1)}`;
    const path = values => "M" + X.map((v, i) => point(v, values[i])).join("L");
    const line = (x1, y1, x2, y2, kind) => draw("line", {x1, y1, x2, y2, class: kind});
    const text = (x, y, anchor, words) => draw("text", {x, y, "text-anchor": anchor}, words);
    const here = softStairs(x, alpha, tau, levels), exact = exactStairs(x);
    const parts = [
      ...NINTHS.flatMap(([v, name]) => [line(at(v / 9), up(low), at(v / 9), up(high), "grid"),
                                        text(at(v / 9), up(low) + 16, "middle", name)]),
      ...[0, .5, 1].flatMap(v => [line(at(0), up(v), at(1), up(v), "grid"),
                                  text(at(0) - 6, up(v) + 4, "end", String(v))]),
      text(at(.5), height - 5, "middle", "x"), text(8, up(.75) + 4, "start", "C(x)"),
      draw("path", {d: path(X.map(v => exactStairs(v))), class: "exact"}),
      draw("path", {d: path(soft), class: "turned"}),
      line(at(x), up(low), at(x), up(high), "place"),
      draw("circle", {cx: at(x), cy: up(here.value), r: 5, class: "point"})];
    const digits = here.digits.map(p => p.indexOf(Math.max(...p))).join("");
    const said = `At x = ${short(x)} the likeliest digits are 0.${digits} in base 3. `
      + `Soft stairs (colour): ${here.value.toFixed(4)}, exact: ${exact.toFixed(4)}.`;
    const label = `Soft Cantor stairs for alpha ${short(alpha)}, tau ${short(tau)}, `
      + `${levels} levels, over the exact staircase`;
    return {height, parts, said, label};
  }

  show([{name: "levels", label: "levels", min: 1, max: 10, step: 1, start: 5},
        {name: "alpha", label: "alpha", min: -.5, max: 1.5, step: .05, start: .5},
        {name: "tau", label: "tau", min: -3, max: .5, step: .1, start: -.6, value: v => 10 ** v},
        {name: "x", label: "x", min: 0, max: 1, step: .005, start: .25}], picture);
}
