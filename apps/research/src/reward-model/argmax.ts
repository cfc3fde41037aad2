/** The item of the highest value, the first of equals; items are not empty. */
export function argmax<T>(items: readonly T[], valueOf: (item: T) => number): T {
  const values = items.map(valueOf);
  return items[values.reduce((best, value, i) => (value > values[best]! ? i : best), 0)]!;
}
