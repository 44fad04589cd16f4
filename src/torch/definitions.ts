/** Parts of models that PyTorch lacks or names otherwise, as text of Python. `layers.ts` says which layer needs which. */
export const definitions: Readonly<Record<string, string>> = {
  without_bias: `def without_bias(norm):
    """A normalisation with a weight and no bias."""
    norm.bias = None
    return norm`,
  RMSNorm: `class RMSNorm(nn.Module):
    """x / sqrt(mean(x²) + eps) · weight over the last axes. As nn.RMSNorm, which is new in PyTorch 2.4."""

    def __init__(self, shape, eps=2.0**-23, elementwise_affine=True):
        super().__init__()
        self.axes = tuple(range(-len(shape), 0))
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(shape)) if elementwise_affine else None

    def forward(self, x):
        y = x * torch.rsqrt(x.square().mean(self.axes, keepdim=True) + self.eps)
        return y if self.weight is None else y * self.weight`,
  ...Object.fromEntries(
    ["RNN", "GRU", "LSTM"].map((name) => [
      `${name}Output`,
      `class ${name}Output(nn.${name}):
    """nn.${name} of which only the outputs go on, so that it fits into nn.Sequential."""

    def forward(self, x):
        return super().forward(x)[0]`,
    ]),
  ),
  LastStep: `class LastStep(nn.Module):
    """The last position along an axis."""

    def __init__(self, axis):
        super().__init__()
        self.axis = axis

    def forward(self, x):
        return x.select(self.axis, -1)`,
  Maxout: `class Maxout(nn.Module):
    """The largest of each group of neighbours."""

    def __init__(self, pieces, axis=1):
        super().__init__()
        self.pieces, self.axis = pieces, axis

    def forward(self, x):
        axis = self.axis % x.dim()
        return x.unflatten(axis, (-1, self.pieces)).amax(axis + 1)`,
  attention_mask: `def attention_mask(x, memory, heads, mask=None, causal=False):
    """What PyTorch adds to the scores [N · heads, L, S]: -inf where a query must not look.

    mask: [L, S], [N, L, S] or [N, heads, L, S]; floats are added, integers are 1 where a query may look.
    """
    scores = x.new_zeros(x.shape[0], heads, x.shape[1], memory.shape[1])
    if mask is not None:
        mask = mask.unsqueeze(1) if mask.dim() == 3 else mask
        scores = scores + mask if mask.is_floating_point() else scores.masked_fill(mask == 0, float("-inf"))
    if causal:
        scores = scores.masked_fill(torch.ones_like(scores, dtype=torch.bool).triu(1), float("-inf"))
    return scores.flatten(0, 1)`,
  Attention: `class Attention(nn.MultiheadAttention):
    """Multi-head attention, batch first; queries of x, keys and values of memory or of x itself."""

    def __init__(self, size, heads, bias=True):
        super().__init__(size, heads, bias=bias, batch_first=True)

    def forward(self, x, memory=None, mask=None):
        memory = x if memory is None else memory
        return super().forward(x, memory, memory, attn_mask=mask, need_weights=False)[0]`,
  EncoderLayer: `class EncoderLayer(nn.TransformerEncoderLayer):
    """PyTorch's encoder layer, batch first. It drops no attention weights, as in tilegrad."""

    def __init__(self, size, heads, **options):
        super().__init__(size, heads, batch_first=True, **options)
        self.self_attn.dropout = 0.0`,
};
