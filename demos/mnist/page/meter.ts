/** Counts the bytes of all buffers that exist on a device from now on. */
export function meter(device: GPUDevice): () => number {
  let bytes = 0;
  const { createBuffer } = device;
  device.createBuffer = (descriptor) => {
    const buffer = createBuffer.call(device, descriptor);
    const { destroy } = buffer;
    bytes += buffer.size;
    buffer.destroy = () => {
      bytes -= buffer.size;
      buffer.destroy = destroy;
      return destroy.call(buffer);
    };
    return buffer;
  };
  return () => bytes;
}
