/** Reads protobuf messages by a description of their fields, for formats that the contracts no longer describe. */
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';

interface Scalars {
  readonly string: string;
  readonly double: number;
  /** A varint of any signedness. */
  readonly integer: number;
  readonly bool: boolean;
  /** Also a message that is passed on as it is. */
  readonly bytes: Uint8Array;
}

type Type = keyof Scalars | Shape;

/** Number and type of a field; `repeated` ones are lists. */
export type Field = readonly [number: number, type: Type] | readonly [number: number, type: Type, repeated: 'repeated'];

export interface Shape {
  readonly [name: string]: Field;
}

type ValueOf<T> = T extends keyof Scalars ? Scalars[T] : T extends Shape ? MessageOf<T> : never;

/** What a message of a shape holds; what it does not is undefined, or an empty list. */
export type MessageOf<S extends Shape> = {
  readonly [Name in keyof S]: S[Name] extends readonly [number, infer T, 'repeated'] ? readonly ValueOf<T>[] : ValueOf<S[Name][1]> | undefined;
};

/** Reads a message. Fields that the shape does not name are skipped. @throws RangeError, Error for bytes that are no message */
export function readMessage<S extends Shape>(shape: S, bytes: Uint8Array): MessageOf<S> {
  const fields = new Map(Object.entries(shape).map(([name, [number, type, repeated]]) => [number, { name, type, repeated: repeated !== undefined }]));
  const message: Record<string, unknown> = Object.fromEntries([...fields.values()].map(({ name, repeated }) => [name, repeated ? [] : undefined]));
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [number, wireType] = reader.tag();
    const field = fields.get(number);
    if (field === undefined) {
      reader.skip(wireType, number);
      continue;
    }
    const value = readValue(reader, field.type, wireType);
    if (field.repeated) (message[field.name] as unknown[]).push(value);
    else message[field.name] = value;
  }
  return message as MessageOf<S>;
}

function readValue(reader: BinaryReader, type: Type, wireType: WireType): unknown {
  const expected = type === 'double' ? WireType.Bit64 : type === 'integer' || type === 'bool' ? WireType.Varint : WireType.LengthDelimited;
  if (wireType !== expected) throw new RangeError(`a field of wire type ${wireType} where ${expected} is expected`);
  switch (type) {
    case 'string':
      return reader.string();
    case 'double':
      return reader.double();
    case 'integer':
      return Number(reader.int64());
    case 'bool':
      return reader.bool();
    case 'bytes':
      return reader.bytes();
    default:
      return readMessage(type, reader.bytes());
  }
}
