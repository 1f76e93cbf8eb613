"use strict";

// The libraries are gzip in base64; their code sets window.vegaEmbed.
async function load() {
  const packed = Uint8Array.from(atob(document.getElementById("libraries").textContent), (c) => c.charCodeAt(0));
  const unpacked = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  (0, eval)(await new Response(unpacked).text());
}

const { config, charts } = JSON.parse(document.getElementById("charts").textContent);
const options = { mode: "vega-lite", renderer: "svg", actions: false, config };

function draw(place) {
  if (place.dataset.drawn) return;
  place.dataset.drawn = "yes";
  vegaEmbed(place, charts[place.dataset.chart], options).catch((error) => failed(place, error));
}

function failed(place, error) {
  place.textContent = "This chart could not be drawn; its figures are in the tables.";
  console.error(error);
}

// A chart has no width inside closed details: it is drawn when they are opened.
function drawIn(root) {
  for (const place of root.querySelectorAll(".chart")) {
    if (!place.closest("details:not([open])")) draw(place);
  }
}

async function start() {
  try {
    await load();
  } catch (error) {
    for (const place of document.querySelectorAll(".chart")) failed(place, error);
    return;
  }
  drawIn(document);
  for (const details of document.querySelectorAll("details")) {
    details.addEventListener("toggle", () => drawIn(details));
  }
}

start();

// On paper everything is open.
let opened = [];
window.addEventListener("beforeprint", () => {
  opened = [...document.querySelectorAll("details:not([open])")];
  for (const details of opened) details.open = true;
  drawIn(document);
});
window.addEventListener("afterprint", () => {
  for (const details of opened) details.open = false;
});
