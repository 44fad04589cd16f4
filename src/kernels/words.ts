/*
 * Names that user-written WGSL cannot declare: keywords (https://www.w3.org/TR/WGSL/#keyword-summary), reserved words
 * (#reserved-words) and predeclared names. A user's function with the name of a built-in would replace it in the whole
 * kernel.
 */

const keywords =
  "alias break case const const_assert continue continuing default diagnostic discard else enable false fn for if let loop override requires return struct switch true var while";

const reserved =
  "NULL Self abstract active alignas alignof as asm asm_fragment async attribute auto await become cast catch class co_await co_return co_yield coherent column_major common compile compile_fragment concept const_cast consteval constexpr constinit crate debugger decltype delete demote demote_to_helper do dynamic_cast enum explicit export extends extern external fallthrough filter final finally friend from fxgroup get goto groupshared highp impl implements import inline instanceof interface layout lowp macro macro_rules match mediump meta mod module move mut mutable namespace new nil noexcept noinline nointerpolation non_coherent noncoherent noperspective null nullptr of operator package packoffset partition pass patch pixelfragment precise precision premerge priv protected pub public readonly ref regardless register reinterpret_cast require resource restrict self set shared sizeof smooth snorm static static_assert static_cast std subroutine super target template this thread_local throw trait try type typedef typeid typename typeof union unless unorm unsafe unsized use using varying virtual volatile wgsl where with writeonly yield";

const types =
  "array atomic bool f16 f32 i32 u32 ptr sampler vec2 vec3 vec4 vec2f vec3f vec4f vec2h vec3h vec4h vec2i vec3i vec4i vec2u vec3u vec4u mat2x2 mat2x3 mat2x4 mat3x2 mat3x3 mat3x4 mat4x2 mat4x3 mat4x4 mat2x2f mat2x3f mat2x4f mat3x2f mat3x3f mat3x4f mat4x2f mat4x3f mat4x4f mat4x4h function private workgroup uniform storage read write read_write";

const functions =
  "abs acos acosh all any arrayLength asin asinh atan atan2 atanh atomicAdd atomicAnd atomicCompareExchangeWeak atomicExchange atomicLoad atomicMax atomicMin atomicOr atomicStore atomicSub atomicXor bitcast ceil clamp cos cosh countLeadingZeros countOneBits countTrailingZeros cross degrees determinant distance dot dot4I8Packed dot4U8Packed exp exp2 extractBits faceForward firstLeadingBit firstTrailingBit floor fma fract frexp insertBits inverseSqrt ldexp length log log2 max min mix modf normalize pack2x16float pack2x16snorm pack2x16unorm pack4x8snorm pack4x8unorm pow quadBroadcast quadSwapDiagonal quadSwapX quadSwapY quantizeToF16 radians reflect refract reverseBits round saturate select sign sin sinh smoothstep sqrt step storageBarrier subgroupAdd subgroupBroadcast subgroupMax subgroupMin subgroupMul subgroupShuffle tan tanh transpose trunc unpack2x16float unpack2x16snorm unpack2x16unorm unpack4x8snorm unpack4x8unorm workgroupBarrier workgroupUniformLoad";

const meaning = (words: string, what: string): (readonly [string, string])[] =>
  words.split(" ").map((word) => [word, what] as const);

/** Maps each such name to its meaning. */
export const meanings = (): Map<string, string> =>
  new Map([
    ...meaning(keywords, "a keyword of WGSL"),
    ...meaning(reserved, "a word that WGSL reserves"),
    ...meaning(types, "a type of WGSL"),
    ...meaning(functions, "a function of WGSL"),
    ...meaning("F I U H", "a type in tilegrad's kernels"),
    ...meaning("main fault unwatched body of1", "a name in tilegrad's kernels"),
    ["id", "the number of an invocation, global_invocation_id"],
    ["group", "the number of a workgroup, workgroup_id"],
    ["lane", "the number of an invocation in its workgroup, local_invocation_index"],
  ]);
