// Loads Plotly into the page once, from the lab's own route.

export function loadPlotly(base, version) {
  if (window.Plotly) return Promise.resolve(window.Plotly);
  if (!window.labPlotly) {
    window.labPlotly = new Promise((resolve, reject) => {
      const script = document.createElement("script");
      script.src = `${base}/lab/plotly.min.js?v=${version}`;
      script.onload = () => resolve(window.Plotly);
      script.onerror = () => { window.labPlotly = null; script.remove(); reject(new Error("plotly")); };
      document.head.appendChild(script);
    });
  }
  return window.labPlotly;
}
