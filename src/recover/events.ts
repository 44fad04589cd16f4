/** Where an engine went on after a loss. */
export interface Restored<P = unknown> {
  /** The app's position at the snapshot that variables went back to; undefined if there was none yet. */
  readonly position: P | undefined;
  /** Name of the adapter that it runs on now. */
  readonly adapter: string;
  /** Programs that cannot run there, each by name and with what it lacks. Calls of these reject with the same. */
  readonly failed: readonly Error[];
}

/** The `detail` of each event of a recovery. */
export interface RecoveryEvents<P = unknown> {
  /** The device is gone. As in `GPUDeviceLostInfo`. */
  readonly lost: { readonly reason: string; readonly message: string };
  /** There is no new device yet. `retryMs` until the next attempt; absent where the app hands one over. */
  readonly waiting: { readonly attempt: number; readonly reason: string; readonly retryMs?: number };
  /** Programs and variables are on the new device. */
  readonly restored: Restored<P>;
  /** The recovery was given up: by its signal, or because it cannot go on. */
  readonly failed: { readonly error: Error };
  /** A snapshot is complete. `ms` is from its copy until then; the GPU worked on in the meantime. */
  readonly snapshot: { readonly position: P | undefined; readonly bytes: number; readonly ms: number };
  /** A snapshot could not be taken, for lack of memory. The one before it stays. */
  readonly snapshotfailed: { readonly error: Error };
}

/** What hears an event with this detail. */
type Listener<T> = ((event: CustomEvent<T>) => void) | { handleEvent(event: CustomEvent<T>): void } | null;

/** An event target whose events have these details. */
export class Events<E> extends EventTarget {
  override addEventListener<K extends keyof E & string>(
    type: K,
    listener: Listener<E[K]>,
    options?: boolean | AddEventListenerOptions,
  ): void {
    super.addEventListener(type, listener as EventListener, options);
  }

  override removeEventListener<K extends keyof E & string>(
    type: K,
    listener: Listener<E[K]>,
    options?: boolean | EventListenerOptions,
  ): void {
    super.removeEventListener(type, listener as EventListener, options);
  }

  /** @internal */
  protected emit<K extends keyof E & string>(type: K, detail: E[K]): void {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
