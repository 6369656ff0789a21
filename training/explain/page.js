"use strict";
// Shows the attention of one layer and head, or the mean of a layer's heads: the row of tokens shows the attention of
// the token that is chosen or pointed at, the map shows the attention of all tokens.

const SVG = "http://www.w3.org/2000/svg";
const CHARACTER_PX = 7.3; // mean width of a character in the map's font
const MAX_NAMED = 5; // tokens in the summary: as many as a screen reader can read out quickly

function readWeights({ tokens, heads, weights }) {
  const bytes = Uint8Array.from(atob(weights), (character) => character.charCodeAt(0));
  const size = tokens.length;
  const ofHead = (layer, head, from) => {
    const start = ((layer * heads + head) * size + from) * size;
    return Array.from(bytes.subarray(start, start + size), (weight) => weight / 255);
  };
  return (layer, head, from) => {
    if (head !== "mean") return ofHead(layer, Number(head), from);
    const rows = Array.from({ length: heads }, (_, one) => ofHead(layer, one, from));
    return tokens.map((_, to) => rows.reduce((sum, row) => sum + row[to], 0) / heads);
  };
}

function percent(share) {
  return `${Math.round(100 * share)}%`;
}

function element(name, attributes, text = "") {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.textContent = text;
  return made;
}

function drawMap(tokens) {
  const cell = tokens.length > 40 ? 14 : 22;
  const margin = 8 + CHARACTER_PX * Math.max(...tokens.map((token) => token.length));
  const side = margin + cell * tokens.length + 2;
  const svg = element("svg", { width: side, height: side, role: "img" });
  const cells = tokens.map((_, row) => tokens.map((_, column) => svg.appendChild(element("rect", {
    x: margin + cell * column, y: margin + cell * row, width: cell, height: cell, "data-row": row,
  }))));
  tokens.forEach((token, place) => {
    const middle = margin + cell * (place + 0.5) + 4;
    const text = { x: margin - 6, y: middle, "text-anchor": "end", "data-row": place };
    svg.append(element("text", text, token));
    svg.append(element("text", { x: 6 - margin, y: middle, transform: "rotate(-90)" }, token));
  });
  svg.append(element("rect", { class: "frame", x: margin, y: margin, width: side - margin - 2, height: side - margin - 2 }));
  const row = svg.appendChild(element("rect", { class: "row", x: margin, width: side - margin - 2, height: cell }));
  return { svg, cells, choose: (place) => row.setAttribute("y", margin + cell * place) };
}

function showAttention(section) {
  const data = JSON.parse(section.querySelector("script").textContent);
  const weightsOf = readWeights(data);
  const [layer, head] = [".layer", ".head"].map((name) => section.querySelector(name));
  const labels = [...section.querySelectorAll(".tokens label")];
  const summary = section.querySelector(".summary");
  const map = drawMap(data.tokens);
  section.querySelector(".map").append(map.svg);
  const chosen = () => Number(section.querySelector("input:checked").value);

  function showRow(place) {
    const row = weightsOf(Number(layer.value), head.value, place);
    const most = Math.max(...row);
    labels.forEach((label, to) => {
      label.classList.toggle("chosen", to === place);
      label.style.setProperty("--strength", row[to] / most);
      label.querySelector("small").textContent = percent(row[to]);
    });
    map.choose(place);
    return row;
  }

  function showChosen() {
    const row = showRow(chosen());
    const ranked = row.map((_, to) => to).sort((one, other) => row[other] - row[one]).slice(0, MAX_NAMED);
    const noticed = ranked.filter((to) => row[to] >= 0.01);
    const attended = noticed.map((to) => `${data.tokens[to]} ${percent(row[to])}`).join(", ");
    summary.textContent = `“${data.tokens[chosen()]}” attends most to: ${attended}.`;
  }

  function showAll() {
    const rows = data.tokens.map((_, from) => weightsOf(Number(layer.value), head.value, from));
    const most = Math.max(...rows.flat());
    rows.forEach((row, from) => row.forEach((weight, to) => map.cells[from][to].setAttribute("fill-opacity", weight / most)));
    const which = head.value === "mean" ? "mean of all heads" : `head ${Number(head.value) + 1}`;
    const name = `Layer ${Number(layer.value) + 1}, ${which}: each row is a token, a stronger cell is more attention to the token of the column`;
    map.svg.setAttribute("aria-label", `${name}; the strongest is ${percent(most)}.`);
    showChosen();
  }

  function choose(place) {
    labels[place].querySelector("input").checked = true;
    showChosen();
  }

  labels.forEach((label, place) => label.addEventListener("pointerenter", () => showRow(place)));
  section.querySelector(".tokens").addEventListener("pointerleave", showChosen);
  section.querySelector(".tokens").addEventListener("change", showChosen);
  map.svg.addEventListener("pointerover", ({ target }) => target.dataset.row && showRow(Number(target.dataset.row)));
  map.svg.addEventListener("click", ({ target }) => target.dataset.row && choose(Number(target.dataset.row)));
  map.svg.addEventListener("pointerleave", showChosen);
  layer.addEventListener("change", showAll);
  head.addEventListener("change", showAll);
  showAll();
}

// A map has a cell for each pair of tokens, so a map is drawn only when it is near the visible part of the page.
const nearby = new IntersectionObserver((entries) => {
  for (const { target } of entries.filter((entry) => entry.isIntersecting)) {
    nearby.unobserve(target);
    showAttention(target);
  }
}, { rootMargin: "100%" });
for (const section of document.querySelectorAll(".attention")) {
  section.hidden = false;
  nearby.observe(section);
}
