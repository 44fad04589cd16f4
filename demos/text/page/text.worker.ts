import { expose, moved } from "../../../src/worker/index.ts";
import { wanted } from "../../parts/backend.ts";
import { Lab } from "./lab.ts";
import type { Settings } from "./settings.ts";

/** Trains the network of the page and writes with it, when the page asks. @param given the address of the texts. */
export default expose((engine, data: string) => {
  const texts = new Map<string, Promise<string>>();
  const fetched = async (file: string): Promise<string> => {
    const response = await fetch(new URL(file, data)).catch((error: Error) => {
      throw new Error(`${file} did not arrive: ${error.message}.`);
    });
    if (!response.ok) throw new Error(`${file} did not arrive: the server answered ${response.status}.`);
    return response.text();
  };
  const lab = new Lab(engine, (file) => {
    if (!texts.has(file)) texts.set(file, fetched(file));
    return texts.get(file)!;
  });
  return {
    methods: {
      configure: (settings: Settings) => lab.configure(settings),
      setRate: (rate: number) => lab.setRate(rate),
      validate: () => lab.validate(),
      record: () => lab.record(),
      advance: (steps: number) => lab.advance(steps),
      look: async (text: string, show: string) => moved(await lab.look(text, show)),
      examine: () => lab.examine(),
      reach: () => lab.reach(),
      export: async () => moved(await lab.export()),
      write: (begins: boolean, count: number, temperature: number) => lab.write(begins, count, temperature),
    },
  };
}, wanted);
