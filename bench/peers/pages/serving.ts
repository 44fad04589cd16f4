import type { Peer } from "../peer.ts";
import type { Library, Work } from "./work.ts";

/** One library in this page or worker, which must have no other. */
export function serve(load: () => Promise<Library>): Peer {
  let library: Library;
  let work: Work;
  return {
    async open(row) {
      library = await load();
      work = await library.make(row);
    },

    async results() {
      await work.once();
      const all = await work.result();
      const apart = Math.max(1, Math.floor(all.length / 2000));
      return Array.from(all).filter((_, i) => i % apart === 0 || i === all.length - 1);
    },

    async losses(steps, seconds) {
      const losses: number[] = [];
      const end = performance.now() + 1000 * seconds;
      while (losses.length < steps && (losses.length < 5 || performance.now() < end)) {
        await work.once();
        losses.push((await work.result())[0]!);
      }
      return losses;
    },

    async time(count, read) {
      await library.finish(work);
      const start = performance.now();
      for (let i = 0; i < count; i++) await work.once();
      if (read) await work.result();
      await library.finish(work);
      return (performance.now() - start) / count;
    },
  };
}
