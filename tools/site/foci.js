"use strict";
// Foci that turn: the formulas of nbs/12_geometry.foci.ipynb, for one anisotropy.
window.foci = (() => {
  const sum = v => v.reduce((a, b) => a + b, 0);
  const normalised = w => w.map(v => v / sum(w));
  const squares = a => [a.map(t => Math.cos(t) ** 2), a.map(t => Math.sin(t) ** 2)];

  function moments(angles, weights) {
    return squares(angles).map(s => sum(s.map((v, i) => v * weights[i])));
  }

  // Interval of anisotropies that weights on these angles can reach
  function feasible(angles) {
    const [c2, s2] = squares(angles), axis = 1e-30;
    const ratio = c2.map((c, i) => c < axis ? 0 : s2[i] > axis ? c / s2[i] : Infinity);
    return [Math.min(...ratio), Math.max(...ratio)];
  }

  // Maximum entropy: weights proportional to exp(lambda cos 2 theta), lambda by bracketed Newton
  function maxent(kappa, angles) {
    const [c2, s2] = squares(angles), c0 = Math.min(...c2), s0 = Math.min(...s2);
    const bottom = c2.map(c => 2 * (c - c0)), top = s2.map(s => 2 * (s0 - s));
    let lam = 0, low = -1e300, high = 1e300, e;
    for (let step = 0; step < 200; step++) {
      const v = lam > 0 ? top : bottom;
      e = v.map(u => Math.exp(lam * u));
      const mean = (z, w) => sum(z.map((q, i) => q * e[i] * w[i])), one = v.map(() => 1);
      const tau = Math.max(mean(c2, one), 1e-300), sigma = Math.max(mean(s2, one), 1e-300);
      const f = Math.log(tau) - Math.log(sigma) - Math.log(kappa);
      if (Math.abs(f) < 1e-13) break;
      if (f < 0) low = lam; else high = lam;
      const next = lam - f / Math.max(mean(c2, v) / tau - mean(s2, v) / sigma, 1e-300);
      lam = next >= low && next <= high ? next : .5 * low + .5 * high;
    }
    return normalised(e);
  }

  // The constraint sum of w z = t: ascending squares z, their wanted mean t, the angles' order
  function smallMoment(kappa, angles) {
    const [c2, s2] = squares(angles), sine = 1 / (1 + kappa) <= sum(s2) / s2.length;
    const z = sine ? s2 : c2, order = z.map((_, i) => i).sort((i, j) => z[i] - z[j]);
    const sorted = order.map(i => z[i]), wanted = sine ? 1 / (1 + kappa) : kappa / (1 + kappa);
    const t = Math.min(Math.max(wanted, sorted[0]), sorted[sorted.length - 1]);
    return {z: sorted, t, back: w => normalised(w.map((_, i) => w[order.indexOf(i)]))};
  }

  // Smallest sum of squares: weights proportional to max(0, z_m - z_i + d)
  function leastNorm(kappa, angles) {
    const {z, t, back} = smallMoment(kappa, angles), n = z.length;
    const gap = z.slice(1).map((v, i) => v - z[i] < 4e-15 * v ? 0 : v - z[i]);
    const P = [], N = [0], height = [0];
    z.forEach((v, i) => P.push((P[i - 1] ?? 0) + t - v));
    gap.forEach((g, i) => { N.push(N[i] + g * P[i]); height.push(height[i] + g); });
    const m = N.filter(v => v >= 0).length - 1;
    const w = height.map((h, i) => i <= m ? -P[m] * (height[m] - h) + N[m] : 0);
    return back(sum(w) > 0 ? w : Array(n).fill(1));
  }

  // Two foci that bracket the wanted moment
  function sparse(kappa, angles) {
    const {z, t, back} = smallMoment(kappa, angles), w = z.map(() => 0);
    const below = z.filter(v => v <= t).length - 1, above = Math.min(below + 1, z.length - 1);
    const share = z[above] > z[below] ? (t - z[below]) / (z[above] - z[below]) : 0;
    w[above] = share;
    w[below] = 1 - share;
    return back(w);
  }

  const METHODS = {maxent, least_norm: leastNorm, sparse};

  // Angles and weights; one or two foci are turned, others where equispaced angles cannot do it
  function solve(n, kappa, method) {
    const base = Array.from({length: n}, (_, i) => 2 * Math.PI * i / n);
    const [low, high] = feasible(base), few = n <= 2;
    const can = kappa >= low * (1 - 1e-12) && kappa <= high * (1 + 1e-12);
    const turn = few ? Math.atan2(1, Math.sqrt(kappa)) : can ? 0 : Math.PI / 2;
    const goal = few || can ? kappa : 1 / kappa;
    const weights = few ? base.map(() => 1 / n) : METHODS[method](goal, base);
    return {angles: base.map(a => a + turn), weights, adjusted: turn !== 0};
  }

  return {METHODS: Object.keys(METHODS), feasible, moments, solve};
})();

{
  const {draw, short, show} = window.playground, {METHODS, moments, solve} = window.foci;

  function picture({n, kappa, method}, width) {
    const {angles, weights, adjusted} = solve(n, kappa, method);
    const [mt, ms] = moments(angles, weights);
    const height = Math.min(width, 340), unit = height / 3;
    const x = v => width / 2 + v * unit, y = v => height / 2 - v * unit;
    const at = (r, a) => ({cx: x(r * Math.cos(a)), cy: y(r * Math.sin(a))});
    const axis = (h, v) => draw("line", {x1: x(-h), x2: x(h), y1: y(-v), y2: y(v), class: "grid"});
    const size = w => .4 * unit * Math.sqrt(w);
    const parts = [axis(1.4, 0), axis(0, 1.4),
      draw("circle", {...at(0, 0), r: unit, class: "exact"}),
      ...angles.map((a, i) => draw("circle", {...at(1, a), r: size(weights[i]), class: "weight"})),
      ...angles.map(a => draw("circle", {...at(1, a), r: 2.5, class: "focus"}))];
    const carry = weights.filter(w => w > 1e-12).length;
    const said = `Moments ${mt.toFixed(4)} and ${ms.toFixed(4)}: kappa is ${short(mt / ms)}. `
      + `${carry} of ${n} foci ${carry === 1 ? "carries" : "carry"} weight`
      + (adjusted ? "; equispaced angles cannot do it, so they are turned." : ".");
    const label = `${n} foci on a circle, areas as their weights, kappa ${short(kappa)}`;
    return {height, parts, said, label};
  }

  show([{name: "n", label: "foci", min: 1, max: 32, step: 1, start: 5},
        {name: "kappa", label: "kappa", min: -2, max: 2, step: .05, start: .15,
         value: v => 10 ** v},
        {name: "method", label: "method", options: METHODS}], picture);
}
