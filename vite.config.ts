import { resolve } from "node:path";
import { defineConfig, type TestProjectInlineConfiguration } from "vitest/config";
import { puppeteer } from "./test/browser/provider.ts";

const root = import.meta.dirname;
const goldenDir = resolve(root, process.env.GOLDEN_DIR ?? "test/golden");

/**
 * What both kinds of device tests share: they are heavy, and on a machine without a GPU one file takes all cores. With TILEGRAD_BRIEF, most
 * of the time goes to a compiler, which takes one.
 */
const device = {
  include: ["test/device/**/*.test.ts"],
  testTimeout: 60_000,
  hookTimeout: 60_000,
  fileParallelism: Boolean(process.env.TILEGRAD_BRIEF),
  env: { GOLDEN_DIR: goldenDir, TILEGRAD_VARIANT: process.env.TILEGRAD_VARIANT ?? "" },
};

// Those of one group run side by side: a device test keeps one core busy, most of the time with compiling kernels.
const projects: TestProjectInlineConfiguration[] = [
  // No device: graph, gradients, passes, readers of files.
  {
    extends: true,
    test: {
      name: "unit",
      include: ["test/unit/**/*.test.ts"],
      testTimeout: 60_000,
      env: { GOLDEN_DIR: goldenDir },
      sequence: { groupOrder: 0 },
    },
  },
  // The same files in Node, through Dawn …
  {
    extends: true,
    test: {
      name: "node",
      ...device,
      setupFiles: ["test/webgpu.ts", "test/node/gpu.ts"],
      sequence: { groupOrder: 1 },
    },
  },
  // … and inside headless Chrome.
  {
    extends: true,
    test: {
      name: "browser", // Vitest takes the name of an instance: this project is run as `chrome`.
      ...device,
      setupFiles: ["test/webgpu.ts"],
      sequence: { groupOrder: 1 },
      browser: {
        enabled: true,
        provider: puppeteer(),
        instances: [{ browser: "chrome", name: "chrome" }],
        headless: true,
        ui: false,
        screenshotFailures: false,
      },
    },
  },
  // Programs for PyTorch, which are skipped where it is not; `npm run test:torch` runs all of them.
  {
    extends: true,
    test: {
      name: "torch",
      include: ["test/torch/**/*.test.ts"],
      setupFiles: ["test/webgpu.ts", "test/node/gpu.ts"],
      testTimeout: 300_000,
      fileParallelism: false,
      sequence: { groupOrder: 1 },
    },
  },
  // Node tests that drive pages and child processes.
  {
    extends: true,
    test: {
      name: "e2e",
      include: ["test/e2e/**/*.test.ts"],
      globalSetup: ["test/e2e/built.ts"],
      testTimeout: 300_000,
      hookTimeout: 300_000,
      fileParallelism: false,
      sequence: { groupOrder: 2 },
    },
  },
];

export default defineConfig({
  // Pages read golden files through the dev server.
  server: { fs: { allow: [root, goldenDir] } },
  test: {
    // A busy machine may take long to get anywhere.
    expect: { poll: { timeout: 50_000 } },
    projects,
    tags: [{ name: "quick", description: "a few seconds of device tests that are worth running before every commit" }],
  },
});
