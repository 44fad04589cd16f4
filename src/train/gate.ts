/** Holds a training between two steps while it is paused, and does there what must not overlap with a step. */
export class Gate {
  #paused = false;
  /** Whether a training comes to the gate, or to its end. */
  #attended = false;
  #tasks: (() => Promise<void>)[] = [];
  #wake = (): void => {};
  /** Those who wait for the training to stand still. */
  #still: (() => void)[] = [];

  get paused(): boolean {
    return this.#paused;
  }

  /** A training begins that will come to the gate. */
  begin(): void {
    this.#attended = true;
  }

  /** The training has ended, however it did: does what is left to do, and releases everyone who waits. */
  async end(): Promise<void> {
    await this.#work();
    this.#attended = false;
    this.#open();
  }

  /** @returns once the training stands, or has ended. */
  pause(): Promise<void> {
    this.#paused = true;
    if (!this.#attended) return Promise.resolve();
    this.wake();
    return new Promise((done) => this.#still.push(done));
  }

  resume(): void {
    this.#paused = false;
    this.wake();
  }

  /** Lets the training look again whether it may go on. */
  wake(): void {
    this.#wake();
  }

  /** Does a task between two steps; at once without a training. */
  between<T>(task: () => Promise<T>): Promise<T> {
    if (!this.#attended) return task();
    return new Promise((resolve, reject) => {
      this.#tasks.push(() => task().then(resolve, reject));
      this.wake();
    });
  }

  /** Whether `pass` would hold the training, or has tasks. */
  get closed(): boolean {
    return this.#paused || this.#tasks.length > 0;
  }

  /** Returns when the next step may follow: not while paused, unless the training is over, nor while `holds`. */
  async pass(over: () => boolean, holds: () => boolean = () => false): Promise<void> {
    await this.#stand(() => (!this.#paused || over()) && !holds());
  }

  /** Awaits something while the training stands, and meanwhile does tasks, on which it may depend. */
  serve<T>(work: Promise<T>): Promise<T>;
  /** @param over ends the wait: the result is `undefined` then. Call `wake` when it may have changed. */
  serve<T>(work: Promise<T>, over: () => boolean): Promise<T | undefined>;
  async serve<T>(work: Promise<T>, over: () => boolean = () => false): Promise<T | undefined> {
    let done = false;
    const end = () => {
      done = true;
      this.wake();
    };
    work.then(end, end);
    await this.#stand(() => done || over());
    return done ? work : undefined;
  }

  #open(): void {
    for (const done of this.#still.splice(0)) done();
  }

  async #work(): Promise<void> {
    for (let task = this.#tasks.shift(); task; task = this.#tasks.shift()) await task();
  }

  async #stand(mayGo: () => boolean): Promise<void> {
    for (;;) {
      const woken = new Promise<void>((wake) => {
        this.#wake = wake;
      });
      await this.#work();
      if (mayGo()) return;
      if (this.#paused) this.#open();
      await woken;
    }
  }
}
