/** What the kit needs of a generated message type; every ts-proto type of @nat/contracts has it. */
export interface MessageCodec<Message> {
  /** Full protobuf name, such as `nat.architecture.v1.Architecture`. */
  readonly $type: string;
  readonly encode: (message: Message) => { finish: () => Uint8Array };
  readonly decode: (bytes: Uint8Array) => Message;
  readonly toJSON: (message: Message) => unknown;
}
