/**
 * WebGPU's usage flags as numbers (WebGPU specification, sections 5.1.1, 5.1.2, 6.1.1 and 8.2). Browsers define them as
 * globals; Node's implementation does not.
 */
export const usage = {
  mapRead: 0x0001,
  copySource: 0x0004,
  copyTarget: 0x0008,
  uniform: 0x0040,
  storage: 0x0080,
  queryResolve: 0x0200,
} as const;
export const mapRead = 0x0001;
export const computeStage = 0x4;

/** Usage flags of textures. */
export const textureUsage = { copyTarget: 0x02, binding: 0x04, renderAttachment: 0x10 } as const;
