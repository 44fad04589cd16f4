// The package ships no types, and only this path of it can be imported.
declare module "wgsl-preprocessor/wgsl-preprocessor.js" {
  export function wgsl(strings: TemplateStringsArray, ...values: unknown[]): string;
}
