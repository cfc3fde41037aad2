"""One policy update of PyTorch at a time: torch_update.py THREADS SETTINGS, a line on standard input for each update.

SETTINGS is JSON: the number of primitives, and for every trial its cells as edges [operation, from, to] and an action an edge. The network
is the official one at its default size (embedding 100, features 1024, hidden 100), all cells of a batch as one graph, as in @nat/policy.
"""
import json
import resource
import sys
import time

import torch
import torch.nn.functional as F
from torch import nn

EMBEDDING, FEATURES, HIDDEN, ACTIONS, FLOOR = 100, 1024, 100, 3, 1e-5


class Policy(nn.Module):
    def __init__(self, primitives):
        super().__init__()
        self.op_hidden = nn.Embedding(primitives, EMBEDDING)
        self.node_hidden = nn.Embedding(2, 2 * EMBEDDING)
        self.emb_attn = nn.Linear(2 * EMBEDDING, FEATURES)
        self.gc1 = nn.Linear(FEATURES, HIDDEN, bias=False)
        self.b1 = nn.Parameter(torch.zeros(HIDDEN))
        self.gc2 = nn.Linear(HIDDEN, HIDDEN, bias=False)
        self.b2 = nn.Parameter(torch.zeros(HIDDEN))
        self.fc = nn.Linear(HIDDEN, 2 * ACTIONS)

    def forward(self, cells, first, second, source, target):
        def adjacent(y):
            return torch.zeros_like(y).index_add_(0, target, y[source])

        inputs = self.node_hidden.weight.repeat(cells, 1)
        x = self.emb_attn(torch.cat([inputs, torch.cat([self.op_hidden(first), self.op_hidden(second)], 1)]))
        x = F.relu(adjacent(self.gc1(x)) + self.b1)
        x = adjacent(self.gc2(x)) + self.b2
        return self.fc(x[2 * cells:]).reshape(-1, ACTIONS)  # [edges, actions]


def lay_out(trials):
    """Operations of each node, and ends of each edge: inputs of all cells come first, then the cells' own nodes."""
    cells = [cell for trial in trials for cell in trial]
    first, second, source, target, own = [], [], [], [], 2 * len(cells)
    for c, edges in enumerate(cells):
        for e, (operation, start, end) in enumerate(edges):
            (first if e % 2 == 0 else second).append(operation)
            source.append(2 * c + start if start < 2 else own + start - 2)
            target.append(own + end - 2)
        own += len(edges) // 2
    return len(cells), *(torch.tensor(values) for values in (first, second, source, target))


def main():
    threads, settings = int(sys.argv[1]), json.loads(sys.argv[2])
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    policy = Policy(settings["primitives"])
    adam = torch.optim.Adam(policy.parameters(), lr=3e-4, betas=(0.5, 0.999), weight_decay=5e-4)
    trials, actions = settings["cells"], torch.tensor([action for row in settings["actions"] for action in row])
    rewards = torch.randn(len(trials)).repeat_interleave(torch.tensor([len(row) for row in settings["actions"]]))
    print(json.dumps({"version": torch.__version__, "params": sum(p.numel() for p in policy.parameters())}), flush=True)
    for _ in sys.stdin:
        start = time.perf_counter()
        adam.zero_grad()
        q = F.softmax(policy(*lay_out(trials)), 1) + FLOOR
        log_q = q.log()
        taken = log_q.gather(1, actions[:, None])[:, 0]
        loss = -((taken * rewards).sum() - 0.003 * (q * log_q).sum()) / len(trials)
        loss.backward()
        adam.step()
        value = loss.item()
        ms = (time.perf_counter() - start) * 1000
        print(json.dumps({"ms": ms, "value": value, "rssMb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}), flush=True)


main()
