/**
 * Real networks at CIFAR size, written out layer by layer as cells of activation-Conv-BN edges.
 *
 * Activations stand before convolutions here and after them in the papers; each network says why the two are the same function.
 */
import { primitive } from '../cell/operation.ts';
import type { Architecture, Cell, Edge, Operation } from '../cell/types.ts';

const IMAGE_SIZE = 32;
const CLASSES = 10;

interface EdgePlace {
  readonly channels?: readonly [number, number];
  readonly stride?: 1 | 2;
}

function edge(from: number, to: number, operation: Operation, { channels, stride }: EdgePlace = {}): Edge {
  return {
    from,
    to,
    operation,
    ...(channels === undefined ? {} : { channels: { in: channels[0], out: channels[1] } }),
    ...(stride === undefined ? {} : { stride }),
  };
}

/** A cell whose value is its last node. */
function chainable(name: string, edges: readonly Edge[]): Cell {
  return { name, inputs: 1, nodes: 1 + Math.max(...edges.map(({ to }) => to)), edges, output: { kind: 'last' } };
}

/** Every cell once, each reading the one before. */
function inARow(cells: readonly Cell[]): { readonly cell: string; readonly reads: readonly number[] }[] {
  return cells.map(({ name }, index) => ({ cell: name, reads: [index - 1] }));
}

/**
 * VGG-16 with batch normalisation for CIFAR (Simonyan & Zisserman 2015; 13 convolutions, five 2x2 pools, one linear layer):
 * 14,724,042 parameters, convolutions without the bias that batch normalisation cancels. The stem is the first convolution.
 * A pool stands before the ReLU of the next convolution instead of behind its own: max and ReLU commute.
 */
export function vgg16(): Architecture {
  const stages = [[64], [128, 128], [256, 256, 256], [512, 512, 512], [512, 512, 512]]; // convolutions after the stem
  let channels = 64;
  const cells = stages.map((widths, stage) => {
    const edges = widths.map((width, index) => {
      const convolution = edge(index, index + 1, primitive('conv_3x3'), { channels: [channels, width] });
      channels = width;
      return convolution;
    });
    return chainable(`stage${stage + 1}`, [...edges, edge(widths.length, widths.length + 1, primitive('max_pool_2x2'), { stride: 2 })]);
  });
  return {
    name: 'vgg16',
    cells,
    skeleton: {
      kind: 'explicit',
      stem: { channels: 64, kernel: 3, stride: 1, activation: 'none' },
      placements: inARow(cells),
      head: { activation: 'relu' },
      imageSize: IMAGE_SIZE,
      classes: CLASSES,
    },
  };
}

const RELU: Operation = { kind: 'fixed', name: 'relu', params: 0, macs: 0 };
const ZERO_PAD: Operation = { kind: 'fixed', name: 'zero_pad_shortcut', params: 0, macs: 0 };

/**
 * ResNet for CIFAR (He et al. 2016, section 4.2): 6n + 2 layers in three stages of n blocks, 16, 32, 64 channels, shortcuts of
 * option A (every second pixel, missing channels zero). 269,722 parameters for 20 layers, 853,018 for 56. The ReLU after the
 * addition is an operation of its own, so the first convolution of a block takes its input as it is.
 */
export function resnet(depth: 20 | 56): Architecture {
  const blocks = (depth - 2) / 6;
  const cells: Cell[] = [];
  [16, 32, 64].forEach((width, stage) => {
    for (let block = 0; block < blocks; block++) {
      const widens = stage > 0 && block === 0;
      const first: EdgePlace = widens ? { channels: [width / 2, width], stride: 2 } : { channels: [width, width] };
      cells.push(
        chainable(`stage${stage + 1}.block${block + 1}`, [
          edge(0, 1, primitive('conv_3x3', 'none'), first),
          edge(1, 2, primitive('conv_3x3'), { channels: [width, width] }),
          edge(0, 2, widens ? ZERO_PAD : primitive('skip_connect'), first),
          edge(2, 3, RELU),
        ]),
      );
    }
  });
  return {
    name: `resnet${depth}`,
    cells,
    skeleton: {
      kind: 'explicit',
      stem: { channels: 16, kernel: 3, stride: 1, activation: 'relu' },
      placements: inARow(cells),
      head: { activation: 'none' },
      imageSize: IMAGE_SIZE,
      classes: CLASSES,
    },
  };
}

/**
 * MobileNetV2 (Sandler et al. 2018), expansion 6, with torchvision's layers at the strides usual for 32 x 32 images (stem and
 * second stage keep the size): 2,236,682 parameters. A block expands (1x1), filters (depthwise 3x3), projects (1x1, no
 * activation behind it), and adds its input where shapes allow; ReLU6 stands before the layer that reads it.
 */
export function mobilenetV2(): Architecture {
  const stages = [
    { expansion: 1, width: 16, blocks: 1, stride: 1 },
    { expansion: 6, width: 24, blocks: 2, stride: 1 },
    { expansion: 6, width: 32, blocks: 3, stride: 2 },
    { expansion: 6, width: 64, blocks: 4, stride: 2 },
    { expansion: 6, width: 96, blocks: 3, stride: 1 },
    { expansion: 6, width: 160, blocks: 3, stride: 2 },
    { expansion: 6, width: 320, blocks: 1, stride: 1 },
  ] as const;
  let channels = 32;
  const cells: Cell[] = [];
  stages.forEach(({ expansion, width, blocks, stride }, stage) => {
    for (let block = 0; block < blocks; block++) {
      const hidden = channels * expansion;
      const step = block === 0 ? stride : 1;
      const edges: Edge[] = [];
      let node = 0;
      if (expansion > 1) edges.push(edge(node, ++node, primitive('conv_1x1', 'none'), { channels: [channels, hidden] }));
      edges.push(edge(node, ++node, primitive('dw_conv_3x3', expansion > 1 ? 'relu6' : 'none'), { channels: [hidden, hidden], stride: step }));
      edges.push(edge(node, ++node, primitive('conv_1x1', 'relu6'), { channels: [hidden, width] }));
      if (step === 1 && channels === width) edges.push(edge(0, node, primitive('skip_connect')));
      cells.push(chainable(`stage${stage + 1}.block${block + 1}`, edges));
      channels = width;
    }
  });
  return {
    name: 'mobilenet_v2',
    cells,
    skeleton: {
      kind: 'explicit',
      stem: { channels: 32, kernel: 3, stride: 1, activation: 'relu6' },
      placements: inARow(cells),
      head: { activation: 'none', conv: { channels: 1280, activation: 'relu6' } },
      imageSize: IMAGE_SIZE,
      classes: CLASSES,
    },
  };
}
