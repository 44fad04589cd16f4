/**
 * WebGPU's usage flags as numbers (WebGPU specification, sections 5.1.1, 5.1.2 and 8.2). Browsers define them as
 * globals; Node's implementation does not.
 */
export const usage = {
  mapRead: 0x0001,
  copySource: 0x0004,
  copyTarget: 0x0008,
  storage: 0x0080,
  queryResolve: 0x0200,
} as const;
export const mapRead = 0x0001;
export const computeStage = 0x4;
