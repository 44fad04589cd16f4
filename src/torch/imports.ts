/** A module: its docstring, the imports that its text needs, and the text. */
export function finished(docstring: string, text: string): string {
  const imports = [
    ...(text.includes("OrderedDict(") ? ["from collections import OrderedDict", ""] : []),
    ...(/\btorch\./.test(text) ? ["import torch"] : []),
    ...(/\bF\./.test(text) ? ["import torch.nn.functional as F"] : []),
    ...(/\bnn\./.test(text) ? ["from torch import nn"] : []),
  ];
  return `${docstring}\n\n${imports.length > 0 ? `${imports.join("\n")}\n\n\n` : "\n"}${text}\n`;
}
