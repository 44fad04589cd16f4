import { type Device, defaultDevice, init } from "@jax-js/jax";

export async function open(device: Device): Promise<void> {
  await init(device);
  defaultDevice(device);
}
