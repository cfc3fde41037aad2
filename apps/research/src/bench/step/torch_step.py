"""Work on a supernet of PyTorch, a piece at a time: torch_step.py THREADS SETTINGS, a line on standard input for each piece.

SETTINGS is JSON: work ("train": a training step, "score": the accuracy on one batch, normalised by it), channels, layers, batch, and the edges
[operation, from, to] of the normal and the reduction cell. The network is the one
that @nat/training builds for the same path: batch normalisation without weight and bias, equal edges sharing weights.
"""
import json
import resource
import sys
import time

import torch
import torch.nn.functional as F
from torch import nn


def norm(channels, affine=False):
    return nn.BatchNorm2d(channels, affine=affine)


def relu_conv(c_in, c_out):
    return nn.Sequential(nn.ReLU(), nn.Conv2d(c_in, c_out, 1, bias=False), norm(c_out))


class FactorizedReduce(nn.Module):
    def __init__(self, c_in, c_out):
        super().__init__()
        self.conv_1 = nn.Conv2d(c_in, c_out // 2, 1, stride=2, bias=False)
        self.conv_2 = nn.Conv2d(c_in, c_out - c_out // 2, 1, stride=2, bias=False)
        self.bn = norm(c_out)

    def forward(self, x):
        x = F.relu(x)
        return self.bn(torch.cat([self.conv_1(x), self.conv_2(x[:, :, 1:, 1:])], 1))


def separable(c, kernel, stride, dilation):
    padding = dilation * (kernel - 1) // 2
    depthwise = nn.Conv2d(c, c, kernel, stride, padding, dilation, groups=c, bias=False)
    return [nn.ReLU(), depthwise, nn.Conv2d(c, c, 1, bias=False), norm(c)]


def operation(name, c, stride):
    if name == "skip_connect":
        return nn.Identity() if stride == 1 else FactorizedReduce(c, c)
    if name.startswith("max_pool"):
        return nn.Sequential(nn.MaxPool2d(3, stride, 1), norm(c))
    if name.startswith("avg_pool"):
        return nn.Sequential(nn.AvgPool2d(3, stride, 1, count_include_pad=False), norm(c))
    kernel = int(name[-1])
    if name.startswith("sep_conv"):
        return nn.Sequential(*separable(c, kernel, stride, 1), *separable(c, kernel, 1, 1))
    if name.startswith("dil_conv"):
        return nn.Sequential(*separable(c, kernel, stride, 2))
    raise ValueError(name)


class Cell(nn.Module):
    def __init__(self, edges, c_prev_prev, c_prev, c, reduction, reduction_prev):
        super().__init__()
        self.preprocess0 = FactorizedReduce(c_prev_prev, c) if reduction_prev else relu_conv(c_prev_prev, c)
        self.preprocess1 = relu_conv(c_prev, c)
        self.edges = edges
        self.operations = nn.ModuleDict()
        for name, source, target in edges:
            key = f"{name}-{source}-{target}"
            if key not in self.operations:
                self.operations[key] = operation(name, c, 2 if reduction and source < 2 else 1)

    def forward(self, s0, s1):
        states = [self.preprocess0(s0), self.preprocess1(s1)]
        for node in sorted({target for _, _, target in self.edges}):
            states.append(sum(self.operations[f"{n}-{s}-{t}"](states[s]) for n, s, t in self.edges if t == node))
        return torch.cat(states[2:], 1)


class Supernet(nn.Module):
    def __init__(self, channels, layers, normal, reduce, classes=10):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 3 * channels, 3, padding=1, bias=False), norm(3 * channels, True))
        before, last, c, reduction_prev = 3 * channels, 3 * channels, channels, False
        self.cells = nn.ModuleList()
        for i in range(layers):
            reduction = i in (layers // 3, 2 * layers // 3)
            c *= 2 if reduction else 1
            edges = reduce if reduction else normal
            self.cells.append(Cell(edges, before, last, c, reduction, reduction_prev))
            before, last, reduction_prev = last, len({t for _, _, t in edges}) * c, reduction
        self.classifier = nn.Linear(last, classes)

    def forward(self, x):
        s0 = s1 = self.stem(x)
        for cell in self.cells:
            s0, s1 = s1, cell(s0, s1)
        return self.classifier(F.relu(s1).mean((2, 3)))


def main():
    threads, settings = int(sys.argv[1]), json.loads(sys.argv[2])
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    network = Supernet(settings["channels"], settings["layers"], settings["normal"], settings["reduce"])
    images = torch.randn(settings["batch"], 3, 32, 32)
    labels = torch.arange(settings["batch"]) % 10
    sgd = torch.optim.SGD(network.parameters(), lr=0.01, momentum=0.9, weight_decay=3e-4)
    print(json.dumps({"version": torch.__version__, "params": sum(p.numel() for p in network.parameters())}), flush=True)

    def train():
        sgd.zero_grad()
        loss = F.cross_entropy(network(images), labels)
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 5)
        sgd.step()
        return loss.item()

    def score():
        with torch.no_grad():
            return (network(images).argmax(1) == labels).float().mean().item()

    work = {"train": train, "score": score}[settings["work"]]
    for _ in sys.stdin:
        start = time.perf_counter()
        value = work()
        ms = (time.perf_counter() - start) * 1000
        print(json.dumps({"ms": ms, "value": value, "rssMb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}), flush=True)


main()
