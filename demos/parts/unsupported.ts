/** Why WebGPU is missing here, for the visitor of the page. */
export function reasonWithoutWebGPU(error: Error): string {
  if (!isSecureContext) {
    return "Browsers block WebGPU on pages served over plain http. Open the page over https or from localhost.";
  }
  if (!navigator.gpu) return "A page can reach the graphics processor only through WebGPU.";
  return `The browser has WebGPU, but this page got no graphics processor. ${error.message}`;
}
