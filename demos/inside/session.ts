import { batch, computed, signal } from "@preact/signals";
import { parseRecording, type RecordedTensor, type Recording, type Stage } from "../../src/recording/index.ts";
import { indexedDBStore } from "../../src/store/indexedDB.ts";
import { keepInAddress } from "../parts/address.ts";
import { choice, type Fields, parseHash, printHash } from "../parts/hash.ts";
import { linksOf, stages } from "./links.ts";

/** Something to look at: a dispatch, a tensor, a buffer, or a node of the stage shown. */
export interface Picked {
  readonly kind: "dispatch" | "tensor" | "buffer" | "node";
  readonly at: number;
}

const letters = { d: "dispatch", t: "tensor", b: "buffer", n: "node" } as const;

/** What the address holds. */
interface Address {
  /** A shipped example, the recording opened last in this browser, or the one that the opener sends. */
  readonly open: "mlp" | "cnn" | "last" | "opener";
  readonly stage: Stage;
  readonly arrange: "drawing" | "layers";
  readonly pick: Picked | undefined;
}

const fields: Fields<Address> = {
  open: choice(["mlp", "cnn", "last", "opener"], "mlp"),
  stage: choice(stages, "fused"),
  arrange: choice(["drawing", "layers"], "drawing"),
  pick: {
    initial: undefined,
    parse(text) {
      const [, letter, at] = /^([dtbn])(\d{1,6})$/.exec(text) ?? [];
      return letter ? { kind: letters[letter as keyof typeof letters], at: Number(at) } : undefined;
    },
    print: (picked) => (picked ? `${picked.kind[0]}${picked.at}` : ""),
  },
};

export const examples = [
  ["mlp", "784-128-10 on digits, Adam"],
  ["cnn", "A small CNN, Adam"],
] as const;

const files = {
  mlp: new URL("./examples/mlp.recording", import.meta.url).href,
  cnn: new URL("./examples/cnn.recording", import.meta.url).href,
};

export const address = signal<Address>(parseHash(fields, location.hash));
export const recording = signal<Recording | undefined>(undefined);
/** What the recording shown is called. */
export const title = signal("");
/** What went wrong with the last file, in words. */
export const failure = signal<string | undefined>(undefined);
export const isWaiting = signal(false);
export const links = computed(() => (recording.value?.graph ? linksOf(recording.value.graph) : undefined));

export const change = (changes: Partial<Address>): void => {
  address.value = { ...address.value, ...changes };
};

export const pick = (kind: Picked["kind"], at: number): void => change({ pick: { kind, at } });

/** What is shown until something is picked: the slowest dispatch, or nothing where values are not finite. */
function slowest({ tensors, timings: { gpu } }: Recording): Picked | undefined {
  if (!gpu || tensors.some(isBroken)) return undefined;
  const times = gpu.spans.map(([from, to]) => to - from);
  return times.length > 0 ? { kind: "dispatch", at: times.indexOf(Math.max(...times)) } : undefined;
}

/** Whether some element was not finite in the newest step. */
export const isBroken = ({ statistics }: RecordedTensor): boolean =>
  statistics.at(-1)!.nans + statistics.at(-1)!.infinities > 0;

/** The thing picked, if this recording has it. */
export const picked = computed(() => {
  const { pick, stage } = address.value;
  const all = recording.value;
  if (!all) return undefined;
  if (!pick) return slowest(all);
  const counts = {
    dispatch: all.dispatches.length,
    tensor: all.tensors.length,
    buffer: all.memory.buffers.length,
    node: all.graph?.[stage].length ?? 0,
  };
  return pick.at < counts[pick.kind] ? pick : undefined;
});

/** Shows a text as a recording. What is shown stays if it is none. @returns whether it is one. */
function show(file: unknown, name: string): boolean {
  try {
    const parsed = parseRecording(file);
    batch(() => {
      recording.value = parsed;
      title.value = name;
      failure.value = undefined;
      isWaiting.value = false;
    });
    return true;
  } catch (error) {
    failure.value = `${name}: ${(error as Error).message.replace(/^parseRecording: /, "")}`;
    isWaiting.value = false;
    return false;
  }
}

const store = indexedDBStore({ name: "inside" });
const kept = "last.json";

/** Keeps a recording for a reload of this page. A browser without storage only loses that. */
async function keep(text: string): Promise<void> {
  try {
    await store.write(kept, new TextEncoder().encode(text));
  } catch (error) {
    console.warn(error);
  }
}

/** Opens a text as a recording. Once it is kept, the address means it. */
async function take(text: string, name: string): Promise<void> {
  if (!show(text, name)) return;
  change({ pick: undefined });
  await keep(text);
  change({ open: "last" });
}

/** Opens a file of the user. */
export async function openFile(file: File): Promise<void> {
  try {
    await take(await file.text(), file.name);
  } catch (error) {
    failure.value = `${file.name}: could not be read. ${(error as Error).message}`;
  }
}

export async function openExample(name: "mlp" | "cnn"): Promise<void> {
  let text = "";
  try {
    const response = await fetch(files[name]);
    if (!response.ok) throw new Error(`the server answered ${response.status}`);
    // Compressed as files, so that the site stays small on any host.
    text = await new Response(response.body!.pipeThrough(new DecompressionStream("gzip"))).text();
  } catch (error) {
    failure.value = `The example did not load: ${(error as Error).message}.`;
    return;
  }
  // Something else may be wanted by now.
  if (address.value.open === name) show(text, examples.find(([key]) => key === name)![1]);
}

async function openLast(): Promise<void> {
  const bytes = await store.read(kept).catch(() => undefined);
  if (bytes) show(new TextDecoder().decode(bytes), "The recording opened last");
  else failure.value = "This address means a recording that is not in this browser. Open its file, or an example.";
}

/**
 * Asks the page that opened this one for its recording, and takes what it sends. It may be of any origin: a recording is
 * data, and is checked.
 */
function openFromOpener(): void {
  const { opener } = window as { opener: Window | null };
  if (!opener) return void openLast();
  isWaiting.value = true;
  addEventListener("message", ({ source, data }) => {
    if (source !== opener || data?.tilegrad !== "recording") return;
    if (data.error !== undefined) {
      isWaiting.value = false;
      failure.value = `The page that opened this one could not record: ${String(data.error)}`;
      return;
    }
    const text = typeof data.recording === "string" ? data.recording : JSON.stringify(data.recording);
    void take(text, typeof data.title === "string" ? data.title : "A recording from another page");
  });
  opener.postMessage({ tilegrad: "inside" }, "*");
}

const open = (): void => {
  const { open: what } = address.value;
  if (what === "opener") openFromOpener();
  else if (what === "last") void openLast();
  else void openExample(what);
};

export function start(): void {
  open();
  const follow = (): void => {
    const before = address.value.open;
    address.value = parseHash(fields, location.hash);
    if (address.value.open !== before) open();
  };
  keepInAddress(() => printHash(fields, address.value), follow);
}
