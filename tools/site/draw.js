"use strict";
// A drawn digit, seen by an exported classifier. `draw.grid` turns strokes into the 64 numbers of
// scikit-learn's digits; ONNX Runtime, of which all parts stand in scripts, does the rest.
window.draw = (() => {
  const SIDE = 32, BLOCK = 4, CELLS = SIDE / BLOCK; // a bitmap, and the blocks whose ink is counted
  const PEN = 6, WIDE = 24;                         // ink of the scans: a pen's width, a digit's

  // Strokes, lists of [x, y], moved and scaled to fill the bitmap's height or WIDE of its width
  function fitted(strokes) {
    const points = strokes.flat(), axis = i => points.map(p => p[i]);
    const low = [0, 1].map(i => Math.min(...axis(i))), high = [0, 1].map(i => Math.max(...axis(i)));
    const size = high.map((v, i) => Math.max(v - low[i], 1e-9));
    const scale = Math.min((WIDE - PEN) / size[0], (SIDE - PEN) / size[1]);
    const dot = Math.max(...size) < 1e-6 ? 0 : scale;
    const move = p => p.map((v, i) => (v - (low[i] + high[i]) / 2) * dot + SIDE / 2);
    return strokes.map(s => s.map(move));
  }

  // Squared distance from a place to the straight line between two points
  function far([x, y], [ax, ay], [bx, by]) {
    const [dx, dy] = [bx - ax, by - ay], length = dx * dx + dy * dy;
    const t = length > 0 ? Math.min(Math.max(((x - ax) * dx + (y - ay) * dy) / length, 0), 1) : 0;
    return (x - ax - t * dx) ** 2 + (y - ay - t * dy) ** 2;
  }

  // Ink of every block, 0 to 16, row by row
  function grid(strokes) {
    const cells = Array(CELLS * CELLS).fill(0);
    if (!strokes.length) return cells;
    const pen = (PEN / 2) ** 2;
    const lines = fitted(strokes).flatMap(s => s.map((p, i) => [s[Math.max(i - 1, 0)], p]));
    for (let row = 0; row < SIDE; row++) {
      for (let column = 0; column < SIDE; column++) {
        const middle = [column + .5, row + .5];
        const cell = CELLS * Math.floor(row / BLOCK) + Math.floor(column / BLOCK);
        if (lines.some(([a, b]) => far(middle, a, b) <= pen)) cells[cell]++;
      }
    }
    return cells;
  }

  const bytes = text => Uint8Array.from(atob(text), c => c.charCodeAt(0));

  async function unpacked(packed) {
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Response(stream).arrayBuffer();
  }

  // The model, ready to answer; nothing is fetched, so that it works in a page that is a file
  async function start() {
    const {module, wasm} = window.drawRuntime, env = window.ort.env.wasm;
    env.numThreads = 1;
    env.wasmBinary = await unpacked(bytes(wasm));
    env.wasmPaths = {mjs: URL.createObjectURL(new Blob([module], {type: "text/javascript"}))};
    return window.ort.InferenceSession.create(bytes(window.drawData.model));
  }

  // Named answers for the numbers of one drawing
  async function ask(session, cells) {
    const features = new window.ort.Tensor("float32", Float32Array.from(cells), [1, cells.length]);
    const found = await session.run({features});
    return Object.fromEntries(Object.entries(found).map(
      ([name, tensor]) => [name, Array.from(tensor.data, Number)]));
  }

  return {CELLS, ask, grid, start};
})();

{
  const {draw: shape, make} = window.playground, {CELLS, ask, grid, start} = window.draw;
  const {images, terms} = window.drawData, box = document.getElementById("draw");
  const STEP = 14; // pixels of a cell

  // A picture of 64 numbers
  function picture(cells, label) {
    const size = CELLS * STEP, squares = cells.map((v, i) => shape("rect", {
      x: STEP * (i % CELLS), y: STEP * Math.floor(i / CELLS), width: STEP, height: STEP,
      "fill-opacity": v / 16, class: "ink"}));
    return shape("svg", {role: "img", "aria-label": label, viewBox: `0 0 ${size} ${size}`,
      width: size, height: size, class: "cells"}, ...squares);
  }

  // Rows of a name, a bar from zero and a number; `low` to `high` is the range of values
  function bars(rows, low, high, label, show, look) {
    const left = rows.some(r => r[0].length > 2) ? 62 : 20, width = 150, right = 62, line = 20;
    const x = v => left + width * (v - low) / (high - low);
    const parts = rows.flatMap(([name, v], i) => [
      shape("text", {x: left - 8, y: line * i + 14, "text-anchor": "end"}, name),
      shape("rect", {x: Math.min(x(0), x(v)), y: line * i + 4, height: 12, rx: 2,
        width: Math.max(Math.abs(x(v) - x(0)), .5), class: look(v, i)}),
      shape("text", {x: left + width + 8, y: line * i + 14}, show(v))]);
    const zero = shape("line", {x1: x(0), x2: x(0), y1: 0, y2: line * rows.length, class: "zero"});
    return shape("svg", {role: "img", "aria-label": label, width: left + width + right,
      height: line * rows.length, viewBox: `0 0 ${left + width + right} ${line * rows.length}`},
      ...parts, zero);
  }

  const percent = v => `${(100 * v).toFixed(1)} %`;
  const signed = v => (v < 0 ? "\u2212" : "+") + Math.abs(v).toFixed(3);
  const part = (title, ...inside) => make("section", {}, make("h2", {}, title), ...inside);
  const side = (...inside) => make("div", {class: "side"}, ...inside);

  // What the answers say, as three columns and a sentence
  function answered(cells, found) {
    const c = found.predicted[0], vertex = found.nearest_vertex[0], p = found.probabilities;
    const logit = found.contributions.reduce((a, b) => a + b, 0);
    const all = p.map((v, i) => `${i}: ${percent(v)}`).join(", ");
    const sum = terms.map((t, i) => `${t} ${signed(found.contributions[i])}`).join(", ");
    const reach = Math.max(.05, ...found.contributions.map(Math.abs));
    const low = Math.min(0, ...found.contributions) < 0 ? -reach : 0;
    said.textContent = `This is a ${c}, with probability ${percent(p[c])}.`;
    answer.replaceChildren(
      part("Class", bars(p.map((v, i) => [String(i), v]), 0, 1, `Probabilities. ${all}`, percent,
        (v, i) => i === c ? "bar strong" : "bar")),
      make("div", {}, side(
        part("What it sees", picture(cells, "The drawing in 8 by 8 cells"),
          make("p", {}, "8 × 8 numbers")),
        part("Nearest vertex", picture(images[c][vertex],
            `The training digit nearest to vertex ${vertex + 1} of class ${c}`),
          make("p", {}, `number ${vertex + 1} of ${images[c].length} of class ${c}`))),
      part("Why", bars(terms.map((t, i) => [t, found.contributions[i]]), low, reach,
          `Summands of the logit: ${sum}`, signed, v => v < 0 ? "bar less" : "bar strong"),
        make("p", {}, `sum ${signed(logit)}, the logit of class ${c}`))));
  }

  // The drawing
  const SPACE = 280, STARTING = "Starting the model ...";
  const ASKING = "Draw a digit from 0 to 9, or look at an example.";
  const pad = shape("svg", {viewBox: `0 0 ${SPACE} ${SPACE}`, class: "pad", role: "img",
    "aria-label": "Draw a digit here"});
  const said = make("p", {"aria-live": "polite", class: "said"}, STARTING);
  const answer = make("div", {class: "answer"});
  const strokes = [], lines = [];
  let session = null, shown = 0, example = 0, drawing = false;

  const points = s => s.map(p => p.map(v => v.toFixed(1)).join(",")).join(" ");
  const place = e => {
    const r = pad.getBoundingClientRect();
    return [SPACE * (e.clientX - r.left) / r.width, SPACE * (e.clientY - r.top) / r.height];
  };

  function clear() {
    shown++;
    strokes.length = lines.length = 0;
    pad.replaceChildren();
    answer.replaceChildren();
    said.textContent = session ? ASKING : STARTING;
    delete box.dataset.asked;
  }

  // The newest question counts: an answer that comes after the next one is not shown
  async function look(cells) {
    if (!session) return;
    const now = ++shown, found = await ask(session, cells);
    if (now !== shown) return;
    answered(cells, found);
    box.dataset.asked = JSON.stringify({cells, ...found});
  }

  function draw(e) {
    const stroke = strokes[strokes.length - 1];
    stroke.push(place(e));
    lines[lines.length - 1].setAttribute("points", points(stroke));
  }

  pad.addEventListener("pointerdown", e => {
    e.preventDefault();
    if (!strokes.length) clear(); // an example stands there
    pad.setPointerCapture(e.pointerId);
    drawing = true;
    strokes.push([place(e)]);
    lines.push(shape("polyline", {class: "stroke"}));
    pad.append(lines[lines.length - 1]);
    draw(e);
  });
  pad.addEventListener("pointermove", e => { if (drawing) draw(e); });
  for (const end of ["pointerup", "pointercancel"]) {
    pad.addEventListener(end, () => {
      if (drawing) look(grid(strokes));
      drawing = false;
    });
  }

  // A digit from training, for those who do not draw
  function show() {
    clear();
    const all = images.flatMap((own, c) => own.map(cells => [c, cells]));
    const [, cells] = all[example++ * 7 % all.length], step = SPACE / CELLS;
    pad.replaceChildren(...cells.map((v, i) => shape("rect", {x: step * (i % CELLS),
      y: step * Math.floor(i / CELLS), width: step, height: step, "fill-opacity": v / 16,
      class: "ink"})));
    look(cells);
  }

  const button = (text, act) => {
    const b = make("button", {type: "button"}, text);
    b.addEventListener("click", act);
    return b;
  };
  box.append(make("div", {class: "paper"}, pad, make("div", {class: "buttons"},
    button("Clear", clear), button("An example", show))), make("div", {}, said, answer));
  start().then(s => {
    session = s;
    box.dataset.ready = "yes";
    if (strokes.length) look(grid(strokes)); else clear();
  }).catch(e => {
    said.textContent = `The model cannot be started in this browser (${e.message ?? e}). `
      + "Open the page from a web server, or in a newer browser.";
    box.dataset.ready = "no";
  });
}
