import { describe, expect, test } from "vitest";
import { AttributeError, FormatError, LimitError, ShapeError, TilegradError } from "../../src/errors.ts";
import { customOp, input, softmax } from "../../src/index.ts";
import { type Finding, findRaces, findRacesIn, type RaceOptions } from "../../src/selfcheck/index.ts";
import { gpu } from "../adapters.ts";

/** A kernel over `x` and `y`, 64 invocations per workgroup. */
const kernel = (body: string, outside = "", type = "f32") => `
@group(0) @binding(0) var<storage, read> x: array<${type}>;
@group(0) @binding(1) var<storage, read_write> y: array<${type}>;
${outside}
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(local_invocation_index) lane: u32, @builtin(workgroup_id) group: vec3u) {
${body}
}`;

const buffers = (count = 128) => ({ x: Float32Array.from({ length: count }, (_, i) => i), y: new Float32Array(count) });
const run = (wgsl: string, options: Partial<RaceOptions> = {}) =>
  findRaces(wgsl, { buffers: buffers(), workgroups: [1, 1, 1], ...options });
const kinds = (findings: readonly Finding[]) => findings.map(({ kind, name }) => `${kind} ${name}`);
/** A line of a kernel, counted from 1. */
const lineOf = (wgsl: string, text: string): number => wgsl.split("\n").findIndex((line) => line.includes(text)) + 1;

/** Sums 64 numbers in workgroup memory. */
const summing = (barrier = "workgroupBarrier();") =>
  kernel(
    `  partial[lane] = x[id.x];
  for (var half = 32u; half > 0u; half /= 2u) {
    ${barrier}
    if (lane < half) { partial[lane] += partial[lane + half]; }
  }
  if (lane == 0u) { y[group.x] = partial[0]; }`,
    "var<workgroup> partial: array<f32, 64>;",
  );

describe("a sound kernel", () => {
  test.each(["forward", "reversed", 7] as const)("has no findings, in order %s", (order) => {
    const { findings, contents, traffic, invocations, workgroupBytes } = run(summing(), {
      workgroups: [2, 1, 1],
      order,
    });
    expect(findings).toEqual([]);
    expect([...new Float32Array(contents["y"]!.buffer).slice(0, 3)]).toEqual([2016, 64 * 64 + 2016, 0]);
    expect(traffic).toEqual({
      x: { bytesRead: 512, bytesWritten: 0 },
      y: { bytesRead: 0, bytesWritten: 8 },
    });
    expect([invocations, workgroupBytes]).toEqual([128, 256]);
  });

  test("atomics do not race with each other", () => {
    const wgsl = `
      @group(0) @binding(0) var<storage, read_write> counts: array<atomic<u32>, 2>;
      var<workgroup> own: atomic<u32>;
      @compute @workgroup_size(64) fn main(@builtin(local_invocation_index) lane: u32) {
        atomicAdd(&own, lane);
        workgroupBarrier();
        if (lane == 0u) { atomicAdd(&counts[0], atomicLoad(&own)); }
        atomicMax(&counts[1], lane);
      }`;
    const { findings, contents } = findRaces(wgsl, {
      buffers: { counts: new Uint32Array(2) },
      workgroups: [3, 1, 1],
    });
    expect(findings).toEqual([]);
    expect([...new Uint32Array(contents["counts"]!.buffer)]).toEqual([3 * 2016, 63]);
  });
});

describe("planted faults", () => {
  test("a missing barrier", () => {
    const wgsl = summing("");
    const { findings } = run(wgsl);
    const line = lineOf(wgsl, "if (lane < half)");
    const race = findings.find(
      ({ kind, access }) => kind === "race" && access.line === line && access.does === "reads",
    )!;
    expect(race).toMatchObject({
      name: "partial",
      access: { does: "reads", line, text: "if (lane < half) { partial[lane] += partial[lane + half]; }" },
      other: { does: "writes", line: lineOf(wgsl, "partial[lane] = x") },
    });
    expect(race.access.invocation).not.toBe(race.other!.invocation);
    expect(race.message).toBe(
      `race: "partial" [32] is written by invocation 32 (line 7: partial[lane] = x[id.x];) and read by invocation 0 (line ${line}: if (lane < half) { partial[lane] += partial[lane + half]; }) with no barrier between`,
    );
  });

  test("the race of softmax/tree before its repair", () => {
    const x = input("x", [3, 77]);
    const forced = { softmax: "tree" };
    const [sound] = findRacesIn(
      { outputs: { y: softmax(x) } },
      { x: new Float32Array(231) },
      { traits: { forced } },
    ).kernels;
    expect(sound!.variant).toBe("tree");
    expect(sound!.findings).toEqual([]);
    // The second reduction overwrites the array while others still read the result of the first.
    const wgsl = sound!.wgsl.replaceAll(
      "return workgroupUniformLoad(&partial[0]);",
      "workgroupBarrier();\n  return partial[0];",
    );
    const names = [...wgsl.matchAll(/var<storage, \w+> (\w+): array<\w+, (\d+)>/g)];
    const memory = Object.fromEntries(names.map(([, name, count]) => [name, new Float32Array(Number(count))]));
    const { findings } = findRaces(wgsl, { buffers: memory, workgroups: [3, 1, 1] });
    expect(findings.length).toBeGreaterThan(0);
    for (const finding of findings) {
      expect(finding).toMatchObject({ kind: "race", name: "partial", index: 0 });
      expect([finding.access.text, finding.other!.text]).toContain("return partial[0];");
    }
  });

  test("an overlap across workgroups", () => {
    const writing = run(kernel("  y[lane] = x[id.x];"), { workgroups: [2, 1, 1] });
    expect(kinds(writing.findings)).toEqual(["race y"]);
    expect(writing.findings[0]!.message).toBe(
      'race: "y" [0] is written by invocation 0 of workgroup [0, 0, 0] (line 7: y[lane] = x[id.x];) and written by invocation 0 of workgroup [1, 0, 0] (line 7: y[lane] = x[id.x];) of one dispatch',
    );
    expect(writing.findings[0]!.times).toBe(64);
    const neighbour = "  y[id.x] = x[id.x];\n  storageBarrier();\n  y[id.x] += y[(id.x + 1u) % 128u];\n";
    // The barrier orders the invocations of a workgroup only.
    expect(kinds(run(kernel(neighbour), { workgroups: [2, 1, 1] }).findings)).toContain("race y");
    const read = run(kernel("  if (group.x == 0u) { y[lane] = 1.0; } else { y[id.x] = y[lane]; }"), {
      workgroups: [2, 1, 1],
      order: "reversed",
    });
    expect(kinds(read.findings)).toEqual(["race y"]);
    expect(read.findings[0]).toMatchObject({ access: { does: "writes" }, other: { does: "reads" } });
  });

  test("each barrier orders its own memory", () => {
    const body = (barrier: string) => `  part[lane] = 1.0;\n  ${barrier}\n  y[lane] = part[63u - lane];`;
    const shared = "var<workgroup> part: array<f32, 64>;";
    expect(kinds(run(kernel(body("storageBarrier();"), shared)).findings)).toEqual(["race part"]);
    expect(run(kernel(body("workgroupBarrier();"), shared)).findings).toEqual([]);
    const own = (barrier: string) => `  y[lane] = 1.0;\n  ${barrier}\n  y[lane + 64u] = y[63u - lane];`;
    expect(kinds(run(kernel(own("workgroupBarrier();"))).findings)).toEqual(["race y"]);
    expect(run(kernel(own("storageBarrier();"))).findings).toEqual([]);
  });

  test("a write to a component touches its vector", () => {
    const wgsl = `
      @group(0) @binding(0) var<storage, read_write> y: array<vec4f, 16>;
      @compute @workgroup_size(64) fn main(@builtin(local_invocation_index) lane: u32) { y[lane / 4u][lane % 4u] = 1.0; }`;
    const { findings } = findRaces(wgsl, { buffers: { y: new Float32Array(64) }, workgroups: [1, 1, 1] });
    expect(kinds(findings)).toEqual(["race y"]);
  });

  test.each([
    ["in a branch", "  if (lane < 3u) { workgroupBarrier(); }", 3],
    ["after a return", "  if (lane == 5u) { return; }\n  workgroupBarrier();", 63],
    ["in a loop of another length", "  for (var i = 0u; i < lane; i++) { workgroupBarrier(); }", 63],
    ["in a function", "  if (lane > 60u) { wait(); }", 3],
  ])("a barrier that some invocations miss, %s", (_, body, present) => {
    const { findings } = run(kernel(body, "fn wait() { workgroupBarrier(); }"));
    expect(kinds(findings)).toEqual(["barrier workgroupBarrier"]);
    expect(findings[0]!.message).toContain(`is reached by ${present} of 64 invocations`);
  });

  test("workgroup memory that nobody wrote", () => {
    const body = "  if (lane < 63u) { part[lane] = 1.0; }\n  workgroupBarrier();\n  y[id.x] = part[63u - lane];";
    const { findings } = run(kernel(body, "var<workgroup> part: array<f32, 64>;"), { workgroups: [2, 1, 1] });
    expect(kinds(findings)).toEqual(["unwritten part"]);
    expect(findings[0]).toMatchObject({ index: 63, times: 2, access: { invocation: 0, line: 9 } });
  });

  test("an index out of a buffer or an array", () => {
    const written = run(kernel("  y[id.x + 65u] = 1.0;"));
    expect(written.findings[0]!.message).toBe(
      'bounds: "y" [128] is out of range, and written by invocation 63 (line 7: y[id.x + 65u] = 1.0;)',
    );
    const read = kernel("  if (lane == 2u) { y[0] = x[128u * lane]; }");
    const { findings, contents } = run(read, { outside: "last" });
    expect(findings[0]).toMatchObject({ kind: "bounds", name: "x", index: 256, access: { does: "reads" } });
    expect(new Float32Array(contents["y"]!.buffer)[0]).toBe(127);
    const own = run(kernel("  var a = array<f32, 3>(); a[lane] = 1.0; y[lane] = a[i32(lane) - 1];"));
    expect(own.findings.map(({ index, access }) => [access.does, index])).toEqual([
      ["writes", 3],
      ["reads", -1],
    ]);
  });

  test("a value of an invocation that is not there", () => {
    const { findings } = run(kernel("  if (lane % 4u != 1u) { y[lane] = quadSwapX(x[lane]); }"));
    expect(kinds(findings)).toEqual(["subgroup quadSwapX"]);
    expect(findings[0]!.access.invocation).toBe(0);
  });
});

describe("values", () => {
  /** What a kernel stores in the first elements of y. */
  const results = (body: string, count: number, outside = "", more: Partial<RaceOptions> = {}) => {
    const { findings, contents } = run(kernel(body, outside), more);
    expect(findings).toEqual([]);
    return [...new Float32Array(contents["y"]!.buffer).slice(0, count)];
  };

  test("statements: loops, switch, early returns, pointers, structs", () => {
    const outside = `
      struct Pair { low: f32, high: vec3f }
      var<private> seen = 1.0;
      fn fill(to: ptr<function, array<f32, 4>>, from: f32) { for (var i = 0u; i < 4u; i++) { (*to)[i] = from + f32(i); } seen += from; }
      fn sign_of(v: f32) -> f32 { if (v < 3.0) { return -1.0; } else if (v == 3.0) { return 0.0; } return 1.0; }
      fn pair(v: f32) -> Pair { return Pair(v, vec3(v, v + 1.0, v + 2.0)); }`;
    const body = `
      if (lane > 7u) { return; }
      var all: array<f32, 4>;
      fill(&all, x[lane]);
      var sum = 0.0;
      loop {
        sum += all[1];
        if (sum > 10.0) { break; }
        continuing { sum += seen; break if sum > 20.0; }
      }
      var p = pair(sum);
      p.high.z *= 2.0;
      p.high = p.high.zyx;
      switch lane {
        case 0u, 1u: { y[lane] = p.high.x; }
        case 2u: { if (sum > 0.0) { break; } y[lane] = -5.0; }
        default: { y[lane] = sign_of(x[lane]) + p.low; }
      }`;
    const expected = Array.from({ length: 8 }, (_, v) => {
      let [sum, rounds] = [0, 0];
      for (; rounds < 100; rounds++) {
        sum += v + 1;
        if (sum > 10) break;
        sum += 1 + v;
        if (sum > 20) break;
      }
      return v < 2 ? 2 * (sum + 2) : v === 2 ? 0 : Math.sign(v - 3) + sum;
    });
    expect(results(body, 8, outside)).toEqual(expected);
  });

  test("a variable keeps to itself", () => {
    const body = `
      let start = lane % 4u;
      var q = start;
      q += 4u;
      var v = vec2f(1.0, 2.0);
      v = v.yx;
      if (lane == 0u) { y[0] = f32(start) + f32(q); y[1] = v.x; y[2] = v.y; }`;
    expect(results(body, 3)).toEqual([4, 2, 1]);
  });

  test("whole numbers wrap and divide as WGSL says", () => {
    const body = `
      if (lane > 0u) { return; }
      let big = 4294967295u + lane;
      y[0] = f32(big + 2u); y[1] = f32(i32(x[7]) / 2 - 5); y[2] = f32(-7 % (i32(x[0]) + 4));
      y[3] = f32(1 / i32(x[0])); y[4] = f32(u32(x[0]) - 1u > 5u); y[5] = f32((u32(x[3]) << 33u) ^ 1u);
      y[6] = f32(bitcast<i32>(0x80000000u + lane) >> 30u); y[7] = f32(u32(-1.5 + x[0])); y[8] = bitcast<f32>(1077936128u + lane);`;
    expect(results(body, 9)).toEqual([1, -2, -3, 1, 1, 7, -2, 0, 3]);
  });

  test("floats are rounded to f32 and f16", () => {
    const body = `
      if (lane > 0u) { return; }
      y[0] = x[1] / 3.0; y[1] = f32(f16(x[1]) / 3.0h); y[2] = f32(f16(2048.0 + x[1])); y[3] = 16777216.0 + x[1];`;
    expect(results(body, 4)).toEqual([Math.fround(1 / 3), 0.333251953125, 2048, 16777216]);
  });

  test("matrices", () => {
    const body = `
      if (lane > 0u) { return; }
      let m = mat2x3f(vec3f(x[1], x[2], x[3]), vec3f(x[4], x[5], x[6]));
      let a = m * vec2f(x[1], x[2]); let b = vec3f(1.0) * m; let c = transpose(m) * m; let d = m + m * 2.0;
      y[0] = a.x; y[1] = a.z; y[2] = b.x; y[3] = b.y; y[4] = c[0][1]; y[5] = c[1].y; y[6] = d[1][2]; y[7] = dot(a, a);`;
    expect(results(body, 8)).toEqual([9, 15, 6, 15, 32, 77, 18, 81 + 144 + 225]);
  });

  test.each([4, 8, 32])("subgroups of %i", (subgroupSize) => {
    const body = `
      let v = x[lane];
      y[lane] = subgroupAdd(v) + 1000.0 * subgroupExclusiveAdd(1.0) + 100000.0 * quadSwapDiagonal(f32(lane % 4u));`;
    const expected = Array.from({ length: 64 }, (_, lane) => {
      const first = lane - (lane % subgroupSize);
      const sum = Array.from({ length: subgroupSize }, (_, i) => first + i).reduce((a, b) => a + b);
      return sum + 1000 * (lane - first) + 100000 * ((lane % 4) ^ 3);
    });
    expect(results(body, 64, "", { subgroupSize })).toEqual(expected);
  });

  test("a function of a condition runs for those whom the condition concerns", () => {
    const outside = "var<private> calls = 0.0; fn called() -> bool { calls += 1.0; return true; }";
    expect(results("  let both = lane > 61u && called();\n  y[lane] = calls;", 64, outside).slice(60)).toEqual([
      0, 0, 1, 1,
    ]);
  });
});

test("a user's op, as its kernel is printed", () => {
  const shift = customOp("shift", {
    inputs: ["x"],
    outputs: { y: ({ x }) => x.shape },
    workgroupSize: 64,
    workgroups: 2,
    memory: { part: { type: "f32", length: 64 } },
    wgsl: "part[lane] = x(group.x * 64u + lane);\ny_store(group.x * 64u + lane, part[63u - lane]);",
  });
  const x = input("x", [128]);
  const { findings, outputs, kernels } = findRacesIn(
    { outputs: { y: shift(x) } },
    { x: Float32Array.from({ length: 128 }, (_, i) => i) },
    { traits: gpu },
  );
  expect(kinds(findings)).toEqual(["race part"]);
  expect(findings[0]!.message).toMatch(/^shift\[128\]:f32: /);
  expect(outputs["y"]).toHaveLength(128);
  expect(kernels[0]!.traffic.map(({ bytesRead, bytesWritten }) => [bytesRead, bytesWritten])).toEqual([
    [512, 0],
    [0, 512],
  ]);
});

describe("what it cannot run is named", () => {
  test.each([
    ["@group(0) @binding(0) var source: texture_2d<f32>;", "line 1: the reader of WGSL does not know textures"],
    ["fn main() { }", "the kernel has no entry point"],
    [kernel("  y[0] = cosine(1.0);"), "line 7: the race finder does not know cosine"],
    [kernel("  y[0] = z;"), 'line 7: there is no "z"'],
    [kernel("  y[0] = lane;"), "u32 stands where f32 should be"],
    [kernel("  x[0] = 1.0;"), "x cannot be assigned to"],
    [kernel("  again();", "fn again() { again(); }"), "again calls itself"],
  ])("%s", (wgsl, message) => {
    expect(() => run(wgsl)).toThrow(FormatError);
    expect(() => run(wgsl)).toThrow(message);
  });

  test("wrong options", () => {
    expect(() => run(kernel(""), { buffers: { x: new Float32Array(1) } })).toThrow(ShapeError);
    expect(() => run(kernel("").replace("x: array<f32>", "x: array<f32, 200>"))).toThrow(
      'buffer "x" has 512 bytes, the kernel declares 800',
    );
    expect(() => run(kernel(""), { subgroupSize: 5 })).toThrow(AttributeError);
    expect(() => run(kernel(""), { workgroups: [1, 0, 1] })).toThrow(AttributeError);
    expect(() => run(kernel(""), { order: "backwards" as "reversed" })).toThrow(AttributeError);
  });

  test("texts with faults anywhere: it comes to an end, and throws errors of its own only", () => {
    const texts = [
      summing(),
      kernel("  var a = vec4f(x[lane]); a.x += dot(a.xyz, vec3f(1.0)); if (lane > 3u) { y[lane] = a.x; }"),
      kernel("  for (var i = 0u; i < 4u; i++) { y[4u * lane % 64u + i] = select(1.0, x[i], i < 2u); }"),
    ];
    let seed = 1;
    const below = (count: number) => {
      seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
      return Math.floor((seed / 2 ** 32) * count);
    };
    const met = { ran: 0, refused: 0 };
    for (let round = 0; round < 600; round++) {
      const words = texts[round % texts.length]!.split(/\b/);
      const at = below(words.length);
      // A word is lost, doubled, or becomes another of the text.
      const other = [[], [words[at]!, words[at]!], [words[below(words.length)]!]][below(3)]!;
      const wgsl = words.toSpliced(at, 1, ...other).join("");
      try {
        run(wgsl, { maxSteps: 20_000 });
        met.ran++;
      } catch (error) {
        expect(error, `${error}\n${(error as Error).stack}\n${wgsl}`).toBeInstanceOf(TilegradError);
        met.refused++;
      }
    }
    expect(Math.min(met.ran, met.refused)).toBeGreaterThan(50);
  });

  test("a kernel that does not end", () => {
    expect(() => run(kernel("  while (true) { y[lane] = 1.0; }"), { maxSteps: 100_000 })).toThrow(LimitError);
    const doubling = Array.from({ length: 40 }, (_, i) => `fn f${i + 1}() { f${i}(); f${i}(); }`).join("\n");
    expect(() => run(kernel("  f40();", `fn f0() { y[0] = 1.0; }\n${doubling}`))).toThrow(LimitError);
  });
});
