/** Trainers in workers: `tilegrad/worker`. */

export { type ConnectOptions, connect } from "./connect.ts";
export { type Exposed, expose, type Methods, type Served, type Setup } from "./expose.ts";
export { moved } from "./moved.ts";
export type { RemoteFitOptions, RemoteMethods, RemoteTrainer } from "./remote.ts";
