import {
  ACTIVATION_NAMES,
  ACTIVATIONS,
  primitive,
  type Activation,
  type Architecture,
  type Cell,
  type CellOutput,
  type Edge,
  type Operation,
  type PrimitiveName,
  type Skeleton,
} from '@nat/cells';
import type { architecture as wire } from '@nat/contracts';
import { DomainError } from '@nat/base/errors';
import { imageSizeFromWire, imageSizeToWire } from './placement.ts';

/**
 * The domain form of a spec. Shapes that protobuf cannot express are refused here (a missing oneof, an operation without a name); whether the
 * graph makes sense is for `validateArchitecture`, which knows the same field paths.
 *
 * @param path where the spec stands in the request, for field violations
 * @throws DomainError INVALID_ARGUMENT
 */
export function architectureFromSpec(spec: wire.ArchitectureSpec, path: string, name?: string): Architecture {
  return {
    ...(name === undefined || name === '' ? {} : { name }),
    cells: spec.cells.map((cell, index) => cellFromWire(cell, `${path}.cells[${index}]`)),
    skeleton: skeletonFromWire(spec.skeleton, path),
  };
}

function cellFromWire(cell: wire.Cell, path: string): Cell {
  return {
    name: cell.name,
    inputs: cell.inputs,
    nodes: cell.nodes,
    edges: cell.edges.map((edge, index) => edgeFromWire(edge, `${path}.edges[${index}]`)),
    output: outputFromWire(cell.output, path),
  };
}

function outputFromWire(output: wire.Cell['output'], path: string): CellOutput {
  switch (output?.$case) {
    case 'concat':
      return { kind: 'concat', nodes: output.value.nodes };
    case 'looseEnds':
      return { kind: 'loose-ends' };
    case 'last':
      return { kind: 'last' };
    case undefined:
      throw DomainError.invalid(`${path}.output`, 'set one of concat, loose_ends, last');
  }
}

function edgeFromWire(edge: wire.Edge, path: string): Edge {
  return {
    from: edge.from,
    to: edge.to,
    operation: operationFromWire(edge.operation, path),
    ...(edge.channels === undefined ? {} : { channels: { in: edge.channels.inChannels, out: edge.channels.outChannels } }),
    ...(edge.stride === undefined ? {} : { stride: edge.stride === 2 ? 2 : 1 }),
  };
}

function operationFromWire(operation: wire.Edge['operation'], path: string): Operation {
  switch (operation?.$case) {
    case 'primitive': {
      // An unknown name passes here and is refused by validateArchitecture, with the list of known ones.
      return primitive(operation.value.name as PrimitiveName, activationFromWire(operation.value.activation));
    }
    case 'fixed': {
      const { name, params, macs } = operation.value;
      return { kind: 'fixed', name, params, macs };
    }
    case undefined:
      throw DomainError.invalid(`${path}.operation`, 'set one of primitive, fixed');
  }
}

function skeletonFromWire(skeleton: wire.ArchitectureSpec['skeleton'], path: string): Skeleton {
  switch (skeleton?.$case) {
    case 'repeatedSkeleton':
      return { kind: 'repeated' };
    case 'nasbench201Skeleton':
      return { kind: 'nasbench201' };
    case 'explicitSkeleton': {
      const { stem, placements, head, imageSize, classes } = skeleton.value;
      const at = `${path}.explicit_skeleton`;
      if (stem === undefined) throw DomainError.invalid(`${at}.stem`, 'is required');
      if (head === undefined) throw DomainError.invalid(`${at}.head`, 'is required');
      if (imageSize === undefined) throw DomainError.invalid(`${at}.image_size`, 'is required');
      return {
        kind: 'explicit',
        stem: {
          channels: stem.channels,
          kernel: oneOf(stem.kernel, [1, 3, 7], `${at}.stem.kernel`),
          stride: oneOf(stem.stride, [1, 2], `${at}.stem.stride`),
          activation: requiredActivation(stem.activation, `${at}.stem.activation`),
        },
        placements: placements.map(({ cell, reads }) => ({ cell, reads })),
        head: {
          activation: requiredActivation(head.activation, `${at}.head.activation`),
          ...(head.convolution === undefined ? {} : { conv: convolutionFromWire(head.convolution, `${at}.head.convolution`) }),
        },
        imageSize: imageSizeFromWire(imageSize),
        classes,
      };
    }
    case undefined:
      throw DomainError.invalid(`${path}.skeleton`, 'set one of repeated_skeleton, nasbench201_skeleton, explicit_skeleton');
  }
}

type HeadConvolution = NonNullable<Extract<Skeleton, { kind: 'explicit' }>['head']['conv']>;

function convolutionFromWire({ channels, activation }: wire.ExplicitSkeleton_Head_Convolution, path: string): HeadConvolution {
  const field = `${path}.activation`;
  return { channels, activation: oneOf(requiredActivation(activation, field), ACTIVATION_NAMES, field) };
}

const WIRE_ACTIVATIONS = { none: 'ACTIVATION_NONE', relu: 'ACTIVATION_RELU', relu6: 'ACTIVATION_RELU6' } as const satisfies Record<Activation, wire.Activation>;

/** Undefined where it is left to the operation. */
function activationFromWire(activation: wire.Activation): Activation | undefined {
  return ACTIVATIONS.find((name) => WIRE_ACTIVATIONS[name] === activation);
}

function requiredActivation(activation: wire.Activation, path: string): Activation {
  const found = activationFromWire(activation);
  if (found === undefined) throw DomainError.invalid(path, `must be one of ${Object.values(WIRE_ACTIVATIONS).join(', ')}`);
  return found;
}

function oneOf<const T extends string | number>(value: string | number, allowed: readonly T[], path: string): T {
  const found = allowed.find((candidate) => candidate === value);
  if (found === undefined) throw DomainError.invalid(path, `must be one of ${allowed.join(', ')}`);
  return found;
}

/** The inverse of `architectureFromSpec`; the display name is left out. */
export function architectureToSpec(architecture: Architecture): wire.ArchitectureSpec {
  return { cells: architecture.cells.map(cellToWire), skeleton: skeletonToWire(architecture.skeleton) };
}

function cellToWire(cell: Cell): wire.Cell {
  return { name: cell.name, inputs: cell.inputs, nodes: cell.nodes, edges: cell.edges.map(edgeToWire), output: outputToWire(cell.output) };
}

function outputToWire(output: CellOutput): NonNullable<wire.Cell['output']> {
  switch (output.kind) {
    case 'concat':
      return { $case: 'concat', value: { nodes: [...output.nodes] } };
    case 'loose-ends':
      return { $case: 'looseEnds', value: {} };
    case 'last':
      return { $case: 'last', value: {} };
  }
}

function edgeToWire(edge: Edge): wire.Edge {
  const { operation } = edge;
  return {
    from: edge.from,
    to: edge.to,
    operation:
      operation.kind === 'primitive'
        ? { $case: 'primitive', value: { name: operation.name, activation: activationToWire(operation.activation) } }
        : { $case: 'fixed', value: { name: operation.name, params: operation.params, macs: operation.macs } },
    channels: edge.channels === undefined ? undefined : { inChannels: edge.channels.in, outChannels: edge.channels.out },
    stride: edge.stride,
  };
}

function activationToWire(activation: Activation | undefined): wire.Activation {
  return activation === undefined ? 'ACTIVATION_UNSPECIFIED' : WIRE_ACTIVATIONS[activation];
}

function skeletonToWire(skeleton: Skeleton): NonNullable<wire.ArchitectureSpec['skeleton']> {
  switch (skeleton.kind) {
    case 'repeated':
      return { $case: 'repeatedSkeleton', value: {} };
    case 'nasbench201':
      return { $case: 'nasbench201Skeleton', value: {} };
    case 'explicit':
      return {
        $case: 'explicitSkeleton',
        value: {
          stem: { ...skeleton.stem, activation: WIRE_ACTIVATIONS[skeleton.stem.activation] },
          placements: skeleton.placements.map(({ cell, reads }) => ({ cell, reads: [...reads] })),
          head: {
            activation: WIRE_ACTIVATIONS[skeleton.head.activation],
            convolution: skeleton.head.conv && { channels: skeleton.head.conv.channels, activation: WIRE_ACTIVATIONS[skeleton.head.conv.activation] },
          },
          imageSize: imageSizeToWire(skeleton.imageSize),
          classes: skeleton.classes,
        },
      };
  }
}
