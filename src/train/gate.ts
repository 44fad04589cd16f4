/** Holds a training between two steps while it is paused, and does there what must not overlap with a step. */
export class Gate {
  #paused = false;
  #tasks: (() => Promise<void>)[] = [];
  #wake = (): void => {};
  /** Those who wait for the training to stand still. */
  #still: (() => void)[] = [];

  get paused(): boolean {
    return this.#paused;
  }

  /** @param running whether a training will come to the gate. @returns once it stands. */
  pause(running: boolean): Promise<void> {
    this.#paused = true;
    if (!running) return Promise.resolve();
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

  /** Does a task between two steps. */
  between<T>(task: () => Promise<T>): Promise<T> {
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
  async serve<T>(work: Promise<T>): Promise<T> {
    let done = false;
    const end = () => {
      done = true;
      this.wake();
    };
    work.then(end, end);
    await this.#stand(() => done);
    return work;
  }

  /** Releases everyone who waits for the training to stand. */
  open(): void {
    for (const done of this.#still.splice(0)) done();
  }

  async #stand(mayGo: () => boolean): Promise<void> {
    for (;;) {
      const woken = new Promise<void>((wake) => {
        this.#wake = wake;
      });
      for (let task = this.#tasks.shift(); task; task = this.#tasks.shift()) await task();
      if (mayGo()) return;
      if (this.#paused) this.open();
      await woken;
    }
  }
}
