"use strict";
// What the pages that turn share: labelled controls, and a drawing that follows them.
// A page's own script asks for `playground.show` with its controls and a function that draws.
window.playground = (() => {
  const set = (e, attributes) => {
    for (const [name, value] of Object.entries(attributes)) e.setAttribute(name, value);
    return e;
  };

  // An element of the drawing, with text or children
  function draw(name, attributes = {}, ...inside) {
    const e = set(document.createElementNS("http://www.w3.org/2000/svg", name), attributes);
    e.append(...inside);
    return e;
  }

  // An element of the page, likewise
  function make(name, attributes = {}, ...inside) {
    const e = set(document.createElement(name), attributes);
    e.append(...inside);
    return e;
  }

  // A number in at most four digits
  const short = v => String(Number(v.toPrecision(4)));

  // A labelled slider; `value` turns its position into the number that is meant
  function slider({name, label, min, max, step, start, value = v => v}, changed) {
    const input = make("input", {type: "range", name, min, max, step, value: start});
    const said = make("output", {"aria-live": "off"}); // the slider says it itself
    const read = () => value(Number(input.value));
    const tell = () => {
      said.value = short(read());
      input.setAttribute("aria-valuetext", said.value);
    };
    input.addEventListener("input", () => { tell(); changed(); });
    tell();
    return {row: make("label", {}, make("span", {}, label), input, said), read};
  }

  // One of several words
  function choice({name, label, options}, changed) {
    const input = make("select", {name}, ...options.map(o => make("option", {}, o)));
    input.addEventListener("change", changed);
    return {row: make("label", {}, make("span", {}, label), input), read: () => input.value};
  }

  // Controls below a drawing and a line of text. `picture(values, width)` returns what belongs
  // into the drawing: {height, parts, said, label}
  function show(controls, picture) {
    const box = document.getElementById("playground");
    if (!box) return;
    const svg = draw("svg", {role: "img"}), said = make("p", {"aria-live": "polite"});
    const turned = () => {
      const values = Object.fromEntries(kept.map(([name, c]) => [name, c.read()]));
      const width = Math.max(240, Math.min(560, box.clientWidth - 34));
      const {height, parts, said: text, label} = picture(values, width);
      set(svg, {viewBox: `0 0 ${width} ${height}`, width, height, "aria-label": label});
      svg.replaceChildren(...parts);
      said.textContent = text;
    };
    const kept = controls.map(c => [c.name, (c.options ? choice : slider)(c, turned)]);
    box.append(svg, said, ...kept.map(([, c]) => c.row));
    new ResizeObserver(turned).observe(box);
    turned();
  }

  return {draw, make, short, show};
})();
