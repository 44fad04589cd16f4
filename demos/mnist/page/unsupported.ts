/** Why there is no WebGPU here, in words for whoever sees the page. */
export function reasonWithoutWebGPU(error: Error): string {
  if (!isSecureContext) {
    return "Browsers keep the GPU from pages that come over plain http. Open it over https, or from localhost.";
  }
  if (!navigator.gpu) return "The network trains on the graphics processor, and WebGPU is the way a page gets there.";
  return `The browser knows WebGPU, but handed out no graphics processor: ${error.message}`;
}
