/** Trainers in workers: `tilegrad/worker`. */

export { type ConnectOptions, connect } from "./connect.ts";
export { expose } from "./expose.ts";
export { moved } from "./moved.ts";
export type { RemoteFitOptions, RemoteMethods, RemoteTrainer } from "./remote.ts";
export type { Exposed, Methods, Served, Setup } from "./served.ts";
