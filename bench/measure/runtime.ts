/** What runs this, and on which system. */
export interface Where {
  readonly runtime: string;
  readonly system: string;
}

/** Browsers by their own word in a user agent, the most particular first. Chrome names itself in those built on it. */
const browsers = [
  ["Edge", /Edg\/(\d+)/],
  ["Opera", /OPR\/(\d+)/],
  ["Firefox", /Firefox\/(\d+)/],
  ["Chrome", /Chrome\/(\d+)/],
  ["Safari", /Version\/([\d.]+).*Safari/],
] as const;

const systems = [
  ["Android", /Android/],
  ["iOS", /iPhone|iPad/],
  ["Windows", /Windows/],
  ["macOS", /Mac OS X/],
  ["ChromeOS", /CrOS/],
  ["Linux", /Linux/],
] as const;

/** What a browser's user agent says of it; "unknown" for what it does not. */
export function fromUserAgent(text: string): Where {
  const browser = browsers.flatMap(([name, pattern]) => {
    const version = pattern.exec(text)?.[1];
    return version ? [`${name} ${version}`] : [];
  });
  const system = systems.find(([, pattern]) => pattern.test(text));
  return { runtime: browser[0] ?? "unknown browser", system: system?.[0] ?? "unknown system" };
}

const nodeSystems: Readonly<Record<string, string>> = { darwin: "macOS", win32: "Windows", linux: "Linux" };

/** What runs this. */
export function whereAmI(): Where {
  // A page has no process; a bundler may give it an empty one.
  const { process } = globalThis as { process?: { version?: string; platform?: string } };
  if (process?.version === undefined) return fromUserAgent(navigator.userAgent);
  const platform = process.platform ?? "";
  return { runtime: `Node ${process.version.slice(1)}`, system: nodeSystems[platform] ?? platform };
}

/** How many threads a device of WebAssembly computes on: it says so in words. */
export const threadsOf = ({ adapterInfo }: GPUDevice): number =>
  Number(/(\d+) threads?$/.exec(adapterInfo.description)?.[1] ?? 1);
