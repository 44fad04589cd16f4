/** Texts of Python that are the same for all models. */

/** Reads and writes safetensors files, which PyTorch itself does not. */
export const safetensorsText = `"""Reads and writes safetensors files. The package safetensors does the same, faster for large files."""

import json
import struct

import torch

DTYPES = {
    "F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16,
    "I64": torch.int64, "I32": torch.int32, "I16": torch.int16, "I8": torch.int8,
    "U8": torch.uint8, "BOOL": torch.bool,
}  # fmt: skip
NAMES = {dtype: name for name, dtype in DTYPES.items()}


def load(path):
    """The tensors of a file by their names."""
    with open(path, "rb") as file:
        (size,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(size))
        data = bytearray(file.read())
    tensors = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        begin, end = entry["data_offsets"]
        dtype = DTYPES[entry["dtype"]]
        empty = begin == end
        flat = torch.empty(0, dtype=dtype) if empty else torch.frombuffer(data[begin:end], dtype=dtype)
        tensors[name] = flat.reshape(entry["shape"])
    return tensors


def save(path, tensors):
    """Writes tensors by their names."""
    header, parts, end = {}, [], 0
    for name, tensor in sorted(tensors.items(), key=lambda item: -item[1].element_size()):
        part = tensor.cpu().clone(memory_format=torch.contiguous_format).reshape(-1).view(torch.uint8).numpy().tobytes()
        header[name] = {"dtype": NAMES[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [end, end + len(part)]}
        parts.append(part)
        end += len(part)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        file.writelines(parts)
`;

/** Goes on training, on one process or many. */
export const trainText = `"""Goes on training from checkpoint.safetensors, with the samples in data.safetensors.

One process:
    python3 train.py
Four processes on one machine, each with a quarter of every batch:
    torchrun --nproc-per-node 4 train.py
Two machines with eight GPUs each; the same line on both:
    torchrun --nnodes 2 --nproc-per-node 8 --rdzv-backend c10d --rdzv-endpoint HOST:29500 train.py
Weights and moments divided among the processes, too (PyTorch 2.6 or later):
    torchrun --nproc-per-node 4 train.py --fsdp
"""

import argparse
import os

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

import safetensors_file
from model import build, loss
from optimizer import learning_rate, limit_gradients, load_state, make_optimizer, saved_state, whole


class Step(nn.Module):
    """From samples to their loss in one call: what DistributedDataParallel must see."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, columns):
        return loss(self.model, **columns)


def batches(columns, size, start, rank, world, shuffle):
    """This process's part of every batch, from step \`start\` on, without end."""
    samples = len(next(iter(columns.values())))
    per_epoch = samples // size
    assert per_epoch > 0, f"{samples} samples are fewer than a batch of {size}"
    step = start
    while True:
        epoch, place = divmod(step, per_epoch)
        # The same order in all processes.
        order = torch.randperm(samples, generator=torch.Generator().manual_seed(epoch)) if shuffle else torch.arange(samples)
        batch = order[place * size : (place + 1) * size]
        mine = batch[rank * size // world : (rank + 1) * size // world]
        yield {name: column[mine] for name, column in columns.items()}
        step += 1


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", default="data.safetensors", help="one tensor per input, [samples, ...]")
    parser.add_argument("--checkpoint", default="checkpoint.safetensors")
    parser.add_argument("--save", default="trained.safetensors", help="io.loadCheckpoint takes it in the page")
    parser.add_argument("--batch-size", type=int, default=BATCH_SIZE, help="of all processes together")
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--log-every", type=int, default=100)
    parser.add_argument("--shuffle", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--fsdp", action="store_true")
    args = parser.parse_args()

    # torchrun sets these; without it, this is the only process.
    world, rank = int(os.environ.get("WORLD_SIZE", 1)), int(os.environ.get("RANK", 0))
    local = int(os.environ.get("LOCAL_RANK", 0))
    assert args.batch_size % world == 0, f"a batch of {args.batch_size} has no equal parts for {world} processes"
    cuda = torch.cuda.is_available()
    device = torch.device("cuda", local) if cuda else torch.device("cpu")
    if cuda:
        torch.cuda.set_device(device)
    if world > 1 or args.fsdp:
        dist.init_process_group("nccl" if cuda else "gloo")

    columns = {
        name: column if column.is_floating_point() else column.long()
        for name, column in safetensors_file.load(args.data).items()
    }
    tensors = safetensors_file.load(args.checkpoint)
    model = build()
    model.load_state_dict({name: tensors[name] for name in model.state_dict()})
    model.to(device).train()

    step = Step(model)
    if args.fsdp:
        from torch.distributed.fsdp import fully_shard

        # For a large model, call fully_shard on each of its blocks first: then only one block is whole at a time.
        fully_shard(step)
    elif world > 1:
        step = DistributedDataParallel(step, device_ids=[local] if cuda else None)
    optimizer = make_optimizer(model)
    done = load_state(optimizer, model, tensors)

    feed = batches(columns, args.batch_size, done, rank, world, args.shuffle)
    for taken in range(done, done + args.steps):
        batch = {name: column.to(device) for name, column in next(feed).items()}
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(taken, group["initial_lr"])
        optimizer.zero_grad()
        value = step(batch)
        value.backward()  # here the processes exchange gradients, while the rest is still being computed
        limit_gradients(model)
        optimizer.step()
        if (taken - done) % args.log_every == 0 or taken == done + args.steps - 1:
            mean = value.detach().clone()
            if world > 1:
                dist.all_reduce(mean)
                mean /= world
            if rank == 0:
                print(f"step {taken + 1}: loss {mean.item():.9g}", flush=True)

    # Every process takes part in gathering what is divided; one writes.
    state = {name: whole(tensor) for name, tensor in model.state_dict().items()}
    state.update(saved_state(optimizer, model, done + args.steps))
    if rank == 0:
        safetensors_file.save(args.save, state)
    if dist.is_initialized():
        dist.destroy_process_group()


if __name__ == "__main__":
    main()
`;
