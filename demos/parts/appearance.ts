/**
 * Calls back when canvases need repainting: the page's colours have changed, or its pixel density (the page was zoomed
 * or moved to another screen).
 */
export function onAppearance(paint: () => void): void {
  for (const query of ["(prefers-color-scheme: dark)", "(forced-colors: active)"]) {
    matchMedia(query).addEventListener("change", paint);
  }
  const watchDensity = (): void => {
    const changed = (): void => {
      paint();
      watchDensity();
    };
    matchMedia(`(resolution: ${devicePixelRatio}dppx)`).addEventListener("change", changed, { once: true });
  };
  watchDensity();
}
