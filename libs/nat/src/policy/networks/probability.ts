/** What the official code adds to each softmax probability of the `pair` encoder; the result is not renormalised. */
export const PROBABILITY_FLOOR = 1e-5;
