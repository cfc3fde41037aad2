"""An epoch of augmented batches of torchvision at a time: torch_data.py SETTINGS, a line on standard input for each epoch.

SETTINGS is JSON: dataset ("cifar10" or "imagefolder:NAME"), directory, batch, images, and workers, the processes that decode. Transforms are those of
the official code for CIFAR-10, and of torchvision's ImageNet example.
"""
import json
import os
import resource
import sys
import time

import numpy
import torch
import torchvision
from PIL import Image
from torchvision import transforms

settings = json.loads(sys.argv[1])
torch.set_num_threads(1)


class Cifar10(torch.utils.data.Dataset):
    """As torchvision.datasets.CIFAR10 keeps it, from the binary version."""

    def __init__(self, folder, count, transform):
        files = [os.path.join(folder, f"data_batch_{i}.bin") for i in range(1, 6)]
        records = numpy.concatenate([numpy.fromfile(file, dtype=numpy.uint8).reshape(-1, 3073) for file in files])[:count]
        self.targets = records[:, 0].tolist()
        self.data = numpy.ascontiguousarray(records[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1))
        self.transform = transform

    def __len__(self):
        return len(self.targets)

    def __getitem__(self, index):
        return self.transform(Image.fromarray(self.data[index])), self.targets[index]


if settings["dataset"] == "cifar10":
    data = Cifar10(
        os.path.join(settings["directory"], "cifar-10-batches-bin"),
        settings["images"],
        transforms.Compose([
            transforms.RandomCrop(32, padding=4),
            transforms.RandomHorizontalFlip(),
            transforms.ToTensor(),
            transforms.Normalize([0.49139968, 0.48215827, 0.44653124], [0.24703233, 0.24348505, 0.26158768]),
        ]),
    )
else:
    data = torchvision.datasets.ImageFolder(
        os.path.join(settings["directory"], settings["dataset"].removeprefix("imagefolder:"), "train"),
        transforms.Compose([
            transforms.RandomResizedCrop(224),
            transforms.RandomHorizontalFlip(),
            transforms.ToTensor(),
            transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
        ]),
    )
loader = torch.utils.data.DataLoader(
    data, batch_size=settings["batch"], shuffle=True, drop_last=True, num_workers=settings["workers"], persistent_workers=settings["workers"] > 0
)
print(json.dumps({"version": torchvision.__version__}), flush=True)
for _ in sys.stdin:
    start = time.perf_counter()
    seen = sum(len(labels) for _, labels in loader)
    ms = (time.perf_counter() - start) * 1000
    print(json.dumps({"ms": ms, "seen": seen, "rssMb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}), flush=True)
