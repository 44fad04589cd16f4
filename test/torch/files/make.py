"""Writes the files that test/unit/state-dict.test.ts reads: run it here with PyTorch."""

import torch

torch.manual_seed(0)
model = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2))
torch.save(model.state_dict(), "model.pt")
torch.save(
    {
        "epoch": 3,
        "lr": 0.5,
        "done": True,
        "model": {
            "w": torch.arange(6.0).reshape(2, 3).t(),
            "half": torch.tensor([1.0, 2.0]).half(),
            "b": torch.tensor([True, False]),
        },
        "list": [torch.tensor(7), None, "text", (1, 2)],
        "p": torch.nn.Parameter(torch.ones(2)),
    },
    "nested.pt",
)
torch.save(model, "module.pt")  # a whole module: refused
