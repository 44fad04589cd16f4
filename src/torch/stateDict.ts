import { type Bytes, bytesOf } from "../data/bytes.ts";
import { unzip } from "../data/npy/zip.ts";
import { checkNumber, FormatError, optionsOf, quoted } from "../errors.ts";
import { ARRAYS, type SafetensorsDType, type SafetensorsTensor } from "../io/dtypes.ts";
import { strided } from "../io/strided.ts";
import { Global, unpickle } from "./pickle.ts";

/** How to read a file of weights. */
export interface StateDictOptions {
  /** What errors call the file; default "state dict". */
  readonly name?: string;
  /** Bytes that the unpacked file may take; default 4 GiB. */
  readonly maxBytes?: number;
}

/** Storages of PyTorch and their types of elements. */
const storages: Readonly<Record<string, SafetensorsDType>> = {
  "torch DoubleStorage": "F64",
  "torch FloatStorage": "F32",
  "torch HalfStorage": "F16",
  "torch BFloat16Storage": "BF16",
  "torch LongStorage": "I64",
  "torch IntStorage": "I32",
  "torch ShortStorage": "I16",
  "torch CharStorage": "I8",
  "torch ByteStorage": "U8",
  "torch BoolStorage": "BOOL",
};

/** Elements of a file's `data/…`. */
class Storage {
  readonly dtype: SafetensorsDType;
  readonly data: SafetensorsTensor["data"];

  constructor(dtype: SafetensorsDType, data: SafetensorsTensor["data"]) {
    this.dtype = dtype;
    this.data = data;
  }
}

/** A tensor, told apart from other objects. */
class Loaded {
  readonly tensor: SafetensorsTensor;

  constructor(tensor: SafetensorsTensor) {
    this.tensor = tensor;
  }
}

/** More values than any file of weights has: a file that refers to itself is not unfolded without end. */
const most = 1_000_000;
const deepest = 32;

/**
 * The tensors of a file that `torch.save` wrote (`.pt`, `.pth`; PyTorch 1.6 or later), by their names. Names of nested
 * dictionaries and lists are joined by points: "model.0.weight". Numbers and texts beside the tensors are left out.
 *
 * The pickle in the file is read, not run: only tensors, parameters and containers are known, and everything else is
 * refused, such as a whole module. Load the result by
 * `io.loadSafetensors(engine, model, io.serializeSafetensors(tensors), { prefix: "model." })`.
 *
 * @param bytes the whole file.
 * @throws FormatError with the fault; LimitError for a file that unpacks to more than `maxBytes`.
 */
export function parseStateDict(bytes: Bytes, options: StateDictOptions = {}): Map<string, SafetensorsTensor> {
  const { name, maxBytes } = optionsOf("parseStateDict", options, { name: "state dict", maxBytes: 2 ** 32 });
  checkNumber("parseStateDict", "maxBytes", maxBytes, "a number from 0", (n) => n >= 0);
  const fail = (fault: string): never => {
    throw new FormatError(`${name}: ${fault}`);
  };
  const files = unzip(bytesOf(bytes, name), name, maxBytes);
  const pickle = [...files.keys()].find((each) => /^[^/]+\/data\.pkl$/.test(each));
  if (pickle === undefined) return fail("has no data.pkl, expected a file that torch.save wrote");
  const folder = pickle.slice(0, -"data.pkl".length);
  if (files.has(`${folder}byteorder`) && new TextDecoder().decode(files.get(`${folder}byteorder`)) !== "little")
    return fail("is big-endian");
  const root = unpickle(
    files.get(pickle)!,
    {
      persistent: (id) => storageOf(id, files, folder, fail),
      call: (called, args) => made(called, args, fail),
    },
    fail,
  );
  const found = new Map<string, SafetensorsTensor>();
  let seen = 0;
  const gather = (value: unknown, path: string, depth: number): void => {
    if (++seen > most || depth > deepest) fail("holds more values, or deeper ones, than weights need");
    if (value instanceof Loaded) {
      if (found.has(path)) fail(`has two tensors of the name ${quoted(path)}`);
      found.set(path, value.tensor);
    } else if (value instanceof Map || Array.isArray(value)) {
      for (const [key, member] of value.entries()) {
        if (typeof key !== "string" && typeof key !== "number") fail("has a key that is neither text nor number");
        gather(member, path ? `${path}.${key}` : `${key}`, depth + 1);
      }
    }
  };
  gather(root, "", 0);
  return found;
}

function storageOf(
  id: unknown,
  files: ReadonlyMap<string, Uint8Array<ArrayBuffer>>,
  folder: string,
  fail: (fault: string) => never,
): Storage {
  const [kind, type, key] = Array.isArray(id) ? id : [];
  const known = type instanceof Global ? storages[type.name] : undefined;
  if (kind !== "storage" || !(type instanceof Global) || typeof key !== "string")
    return fail("refers to something other than a storage");
  if (!known) return fail(`has a storage ${quoted(type.name)}, which is not read`);
  const content = files.get(`${folder}data/${key}`);
  if (!content) return fail(`lacks the file data/${key}`);
  const { BYTES_PER_ELEMENT: size } = ARRAYS[known];
  if (content.length % size !== 0)
    return fail(`data/${key} has ${content.length} bytes, expected a multiple of ${size}`);
  return new Storage(known, new ARRAYS[known](content.slice().buffer));
}

/** The few functions that a file of weights calls. */
function made(called: string, args: readonly unknown[], fail: (fault: string) => never): unknown {
  switch (called) {
    case "collections OrderedDict":
      return args.length === 0 ? new Map() : fail("has an OrderedDict with content that is not read");
    case "torch._utils _rebuild_parameter":
      return args[0] instanceof Loaded ? args[0] : fail("has a parameter that is no tensor");
    case "torch._utils _rebuild_tensor_v2":
      return tensorOf(args, fail);
    default:
      return fail(`calls ${quoted(called)}: only tensors and containers are read, save model.state_dict()`);
  }
}

const isCounts = (value: unknown): value is number[] =>
  Array.isArray(value) && value.every((n) => Number.isSafeInteger(n) && n >= 0);

/** A tensor from its storage, where its elements lie by strides; the result is row-major. */
function tensorOf(args: readonly unknown[], fail: (fault: string) => never): Loaded {
  const [storage, offset, shape, strides] = args;
  if (!(storage instanceof Storage) || !isCounts([offset]) || !isCounts(shape) || !isCounts(strides))
    return fail("has a tensor without storage, shape or strides");
  if (strides.length !== shape.length || shape.length > 32)
    return fail(`has a tensor of shape [${shape}] with strides [${strides}]`);
  const count = shape.reduce((product, n) => product * n, 1);
  const last = shape.reduce((sum, n, axis) => sum + (n - 1) * strides[axis]!, offset as number);
  const { length } = storage.data;
  if (count > length || (count > 0 && !(last < length)))
    return fail(`has a tensor [${shape}] that does not fit its ${length} stored values`);
  return new Loaded(strided(storage, shape, strides, offset as number));
}
