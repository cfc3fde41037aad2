/**
 * Messages of nat.architecture.v1 as they were stored when activations were texts, images were square, and the convolution of a head was two fields: rewritten
 * to what the contracts describe now. Messages that have the present form already stay as they are.
 */
import { architecture as wire } from '@nat/contracts';
import { asMessage, asNumber, readFields, rewriteMessage, within, type FieldValue } from './rewrite.ts';

/** @throws Error, RangeError for bytes that are no message */
export function upgradeArchitectureRef(bytes: Uint8Array): Uint8Array {
  return rewriteMessage(bytes, { 1: within(1, upgradeArchitectureSpec) });
}

/** @throws Error, RangeError for bytes that are no message */
export function upgradeArchitectureSpec(bytes: Uint8Array): Uint8Array {
  return rewriteMessage(bytes, { 1: within(1, upgradeCell), 4: within(4, upgradeExplicitSkeleton) });
}

/** @throws Error, RangeError for bytes that are no message */
export function upgradePlacement(bytes: Uint8Array): Uint8Array {
  return rewriteMessage(bytes, { 4: asMessage(6, squareOf) });
}

function upgradeCell(bytes: Uint8Array): Uint8Array {
  return rewriteMessage(bytes, { 4: within(4, upgradeEdge) });
}

function upgradeEdge(bytes: Uint8Array): Uint8Array {
  return rewriteMessage(bytes, { 3: within(3, (primitive) => rewriteMessage(primitive, { 2: asNumber(3, activationNumber) })) });
}

function upgradeExplicitSkeleton(bytes: Uint8Array): Uint8Array {
  return rewriteMessage(bytes, {
    1: within(1, (stem) => rewriteMessage(stem, { 4: asNumber(5, activationNumber) })),
    3: within(3, upgradeHead),
    4: asMessage(6, squareOf),
  });
}

/** Of the old fields 1 activation, 2 channels and 3 activation of the convolution. */
function upgradeHead(bytes: Uint8Array): Uint8Array {
  const fields = readFields(bytes);
  if (fields.has(4)) return bytes;
  const channels = Number(fields.get(2) ?? 0);
  const head = {
    activation: activationOf(fields.get(1)),
    ...(channels === 0 ? {} : { convolution: { channels, activation: fields.has(3) ? activationOf(fields.get(3)) : wire.Activation.ACTIVATION_RELU } }),
  };
  return wire.ExplicitSkeleton_Head.encode(wire.ExplicitSkeleton_Head.create(head)).finish();
}

function squareOf(size: FieldValue): Uint8Array {
  return wire.ImageSize.encode({ height: Number(size), width: Number(size) }).finish();
}

const ACTIVATIONS: Readonly<Record<string, wire.Activation>> = {
  none: wire.Activation.ACTIVATION_NONE,
  relu: wire.Activation.ACTIVATION_RELU,
  relu6: wire.Activation.ACTIVATION_RELU6,
};

/** An empty text was the default. */
function activationOf(text: FieldValue | undefined): wire.Activation {
  return ACTIVATIONS[text instanceof Uint8Array ? new TextDecoder().decode(text) : ''] ?? wire.Activation.ACTIVATION_UNSPECIFIED;
}

const activationNumber = (text: FieldValue): number => wire.activationToNumber(activationOf(text));
