/** Rewrites protobuf messages field by field, for stored messages of a form that the contracts no longer describe. */
import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire';

/** Of a varint the number; of a string or a message its bytes. */
export type FieldValue = number | Uint8Array;

/** Writes something in the place of a field. */
export type Change = (writer: BinaryWriter, value: FieldValue) => void;

/** Changes by the numbers of fields. */
export type Changes = Readonly<Record<number, Change>>;

/**
 * A message with some fields changed; the others are copied as they are.
 *
 * @throws Error, RangeError for bytes that are no message
 */
export function rewriteMessage(bytes: Uint8Array, changes: Changes): Uint8Array {
  const reader = new BinaryReader(bytes);
  const writer = new BinaryWriter();
  while (reader.pos < reader.len) {
    const [number, type] = reader.tag();
    const change = changes[number];
    if (change === undefined) writer.tag(number, type).raw(reader.skip(type, number));
    else change(writer, fieldValue(reader, type));
  }
  return writer.finish();
}

/** The last value of each of some fields. */
export function readFields(bytes: Uint8Array): ReadonlyMap<number, FieldValue> {
  const reader = new BinaryReader(bytes);
  const values = new Map<number, FieldValue>();
  while (reader.pos < reader.len) {
    const [number, type] = reader.tag();
    values.set(number, fieldValue(reader, type));
  }
  return values;
}

function fieldValue(reader: BinaryReader, type: WireType): FieldValue {
  switch (type) {
    case WireType.Varint:
      return reader.uint32();
    case WireType.LengthDelimited:
      return reader.bytes();
    default:
      throw new RangeError(`a field of wire type ${type} is not read`);
  }
}

/** Rewrites the message of a field; it keeps its number. */
export function within(number: number, rewrite: (bytes: Uint8Array) => Uint8Array): Change {
  return (writer, value) => {
    writer.tag(number, WireType.LengthDelimited).bytes(rewrite(value as Uint8Array));
  };
}

/** Writes a message at another number. */
export function asMessage(number: number, message: (value: FieldValue) => Uint8Array): Change {
  return (writer, value) => {
    writer.tag(number, WireType.LengthDelimited).bytes(message(value));
  };
}

/** Writes a number, such as that of an enum, at another number. */
export function asNumber(number: number, convert: (value: FieldValue) => number): Change {
  return (writer, value) => {
    writer.tag(number, WireType.Varint).uint32(convert(value));
  };
}
