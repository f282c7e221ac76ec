export interface Point {
  atMs: number;
  levelMetres: number;
}

/** A line chart as SVG text. Scales are linear; the caller has sorted the points. */
export function lineChart(points: readonly Point[], width = 640, height = 240): string {
  if (points.length < 2) return `<svg width="${width}" height="${height}"></svg>`;
  const levels = points.map((point) => point.levelMetres);
  const [low, high] = [Math.min(...levels), Math.max(...levels)];
  const first = points[0]!.atMs;
  const span = points[points.length - 1]!.atMs - first;
  const path = points
    .map((point, place) => {
      const x = ((point.atMs - first) / span) * width;
      const y = height - ((point.levelMetres - low) / (high - low || 1)) * height;
      return `${place ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`;
    })
    .join("");
  return `<svg width="${width}" height="${height}"><path d="${path}" fill="none" stroke="currentColor"/></svg>`;
}
