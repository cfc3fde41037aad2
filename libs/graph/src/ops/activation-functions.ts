/** Functions of one number each, by name. */
export const ACTIVATION_FUNCTIONS = {
  relu: { formula: 'max(x, 0)' },
  relu6: { formula: 'min(max(x, 0), 6)' },
} as const satisfies Readonly<Record<string, { readonly formula: string }>>;

export type ActivationFunction = keyof typeof ACTIVATION_FUNCTIONS;

/** True for the name of an activation function. */
export function isActivationFunction(name: string): name is ActivationFunction {
  return Object.hasOwn(ACTIVATION_FUNCTIONS, name);
}
