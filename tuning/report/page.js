"use strict";
const { figures, templates, config } = JSON.parse(document.getElementById("figures").textContent);
const dark = matchMedia("(prefers-color-scheme: dark)");
const PRINTED_PX = 680;

function draw(isDark, width) {
  for (const [name, figure] of Object.entries(figures)) {
    const place = document.getElementById(`picture-${name}`);
    // Plotly writes into what it is given.
    const { data, layout } = structuredClone(figure);
    layout.template = structuredClone(isDark ? templates.dark : templates.light);
    if (width) layout.width = width;
    Plotly.react(place, data, layout, config);
  }
}

draw(dark.matches);
dark.addEventListener("change", (event) => draw(event.matches));
addEventListener("beforeprint", () => {
  for (const details of document.querySelectorAll("details")) details.open = true;
  draw(false, PRINTED_PX);
});
addEventListener("afterprint", () => draw(dark.matches));
