// How the chart looks: light or dark. Runs and roles bring their look from the server, the same as on all charts.

// Light or dark, by the background that Streamlit has set.
export function theme(element) {
  const background = getComputedStyle(element).getPropertyValue("--st-background-color").trim();
  const hex = /^#([0-9a-f]{6})/i.exec(background);
  const rgb = hex ? [0, 2, 4].map((i) => parseInt(hex[1].slice(i, i + 2), 16)) : (background.match(/\d+/g) || [255, 255, 255]).map(Number);
  return rgb[0] + rgb[1] + rgb[2] < 384 ? "dark" : "light";
}
