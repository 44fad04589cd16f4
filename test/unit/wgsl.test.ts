import { describe, expect, test } from "vitest";
import { coalesce, elementAt, vec4Load } from "../../shaders/lib/view.wgsl.ts";
import { wgsl } from "../../shaders/wgsl.ts";

describe("wgsl", () => {
  test("fills holes, joins lists, takes branches", () => {
    expect(wgsl`const N = ${4}u;
#if ${false}
no
#elif ${true}
${["a", "b"]}
#else
no
#endif
`).toBe("const N = 4u;\na\nb\n");
  });

  test.each([
    ["undefined", undefined],
    ["NaN", Number.NaN],
    ["a boolean", true],
    ["an object", {}],
    ["a list of numbers", [1, 2]],
  ])("refuses %s", (_, hole) => {
    expect(() => wgsl`const N = ${hole as number};`).toThrow('hole 0 after "const N ="');
  });

  test("refuses a condition that is not a boolean, and #else if", () => {
    expect(() => wgsl`#if ${1}\n#endif`).toThrow("is a condition, but is number");
    expect(() => wgsl`#if ${true}\n#else if ${true}\n#endif`).toThrow("write #elif");
  });
});

describe("views", () => {
  test("merge axes with a common stride", () => {
    expect(coalesce({ shape: [2, 3, 1, 4], strides: [12, 4, 99, 1], offset: 5 })).toEqual({
      shape: [24],
      strides: [1],
      offset: 5,
    });
    expect(coalesce({ shape: [2, 3], strides: [1, 2], offset: 0 }).shape).toEqual([2, 3]);
  });

  test("write the position of an element", () => {
    expect(elementAt({ shape: [4, 6], strides: [6, 1], offset: 0 }, "i")).toBe("i");
    expect(elementAt({ shape: [4, 6], strides: [1, 4], offset: 2 }, "i")).toBe("2u + i / 6u + i % 6u * 4u");
    expect(elementAt({ shape: [4, 6], strides: [0, 0], offset: 7 }, "i")).toBe("7u");
    expect(elementAt({ shape: [6], strides: [-1], offset: 5 }, "i")).toBe("5u + 0u - i");
  });

  test("are read as vectors where neighbours are contiguous", () => {
    const load = (shape: number[], strides: number[], offset = 0) => vec4Load({ shape, strides, offset }, "f32");
    expect(load([8], [1])).toMatchObject({ vectors: true });
    expect(load([4, 8], [16, 1])).toMatchObject({ vectors: true });
    expect(load([4, 8], [16, 1], 1)).toMatchObject({ vectors: false });
    expect(load([4, 6], [16, 1])).toMatchObject({ vectors: false });
    expect(load([4, 8], [1, 0]).load("x", "i")).toBe("vec4f(x[(i * 4u) / 8u])");
    expect(load([4, 8], [0, 0]).load("x", "i")).toBe("vec4f(x[0u])");
  });
});
