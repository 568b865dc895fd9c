"""Live curves: one component that holds Plotly in the page and the routes that feed it."""
