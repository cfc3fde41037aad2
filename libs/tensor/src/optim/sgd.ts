/**
 * Stochastic gradient descent as torch.optim.SGD before 2.0: momentum, weight decay added to the gradient, and a parameter
 * that once had a gradient goes on decaying and drifting with its momentum in every later step (zero_grad() filled zeros).
 *
 *     v <- momentum v + g + weightDecay p;   p <- p - learningRate v
 *
 * Steps in which a parameter has no gradient are linear in (p, v), so they are applied together when it is next needed.
 */
import { hasKernels, momentumStep } from '../ops/kernels.ts';
import { FLOAT, runOne } from '../ops/raw-operation.ts';
import type { NamedTensorMap, Tensor, Tensorflow, Variable } from '../tensorflow-types.ts';

export interface SgdOptions {
  readonly momentum: number;
  readonly weightDecay: number;
  /** Scales all gradients down to this global norm. @default no clipping */
  readonly clipNorm?: number;
}

interface Slot {
  readonly parameter: Variable;
  readonly velocity: Variable;
  /** Steps applied to the parameter. */
  step: number;
}

/** What a resumed run needs; `rates` are [learning rate, steps in a row]. */
export interface SgdState {
  readonly rates: readonly (readonly [number, number])[];
  readonly slots: ReadonlyMap<string, { readonly velocity: Float32Array; readonly step: number }>;
}

export class MomentumSgd {
  readonly #tf: Tensorflow;
  readonly #options: SgdOptions;
  readonly #slots = new Map<string, Slot>();
  /** Restored, of parameters not seen since. */
  readonly #restored = new Map<string, { readonly velocity: Float32Array; readonly step: number }>();
  readonly #rates: [number, number][] = [];
  #steps = 0;

  constructor(tf: Tensorflow, options: SgdOptions) {
    this.#tf = tf;
    this.#options = options;
  }

  get steps(): number {
    return this.#steps;
  }

  /** Applies the steps that these parameters still lack; call it before they are used. */
  catchUp(parameters: ReadonlyMap<string, Variable>): void {
    const tf = this.#tf;
    tf.tidy(() => {
      for (const [name, parameter] of parameters) {
        const slot = this.#slot(name, parameter);
        if (slot === undefined || slot.step === this.#steps) continue;
        const { toParameter, toVelocity } = this.#drift(slot.step);
        const { velocity } = slot;
        const combine = ([a, b]: readonly [number, number]): Tensor => tf.add(tf.mul(parameter, a), tf.mul(velocity, b));
        const [p, v] = [combine(toParameter), combine(toVelocity)];
        parameter.assign(p);
        velocity.assign(v);
        slot.step = this.#steps;
      }
    });
  }

  /** Catches parameters up and, when none is behind any more, forgets the learning rates of the steps so far: only those behind would need them. */
  settle(parameters: ReadonlyMap<string, Variable>): void {
    this.catchUp(parameters);
    const last = this.#rates.at(-1);
    const behind = [...this.#slots.values(), ...this.#restored.values()].some(({ step }) => step < this.#steps);
    if (!behind && last !== undefined) this.#rates.splice(0, this.#rates.length, [last[0], this.#steps]);
  }

  /**
   * One step for parameters that are caught up. Those without an entry in `gradients` have the gradient 0: they were part of
   * the network, but nothing they did reached the loss.
   */
  step(parameters: ReadonlyMap<string, Variable>, gradients: Partial<NamedTensorMap>, learningRate: number): void {
    const tf = this.#tf;
    const { momentum, weightDecay, clipNorm } = this.#options;
    for (const [name, parameter] of parameters) {
      if (this.#slot(name, parameter) === undefined) {
        const velocity = tf.tidy(() => tf.variable(tf.zerosLike(parameter), false));
        this.#slots.set(name, { parameter, velocity, step: this.#steps });
      }
    }
    this.#record(learningRate);
    if (hasKernels(tf)) {
      this.#stepTogether(parameters, gradients, learningRate);
      return;
    }
    tf.tidy(() => {
      const scalar = (value: number): Tensor => tf.scalar(value);
      const [m, decay, rate] = [scalar(momentum), scalar(weightDecay), scalar(learningRate)];
      const scale =
        clipNorm === undefined
          ? undefined
          : this.#clipScale(
              // In the order of the parameters: the sum of their norms rounds differently in another.
              [...parameters.keys()].flatMap((name) => gradients[name] ?? []),
              clipNorm,
            );
      const multiply = (a: Tensor, b: Tensor): Tensor => runOne(tf, 'Mul', { T: FLOAT }, [a, b]);
      for (const name of parameters.keys()) {
        const gradient = gradients[name];
        if (gradient === undefined) continue;
        const slot = this.#current(name);
        const terms = [multiply(slot.velocity, m), multiply(slot.parameter, decay), scale === undefined ? gradient : multiply(gradient, scale)];
        const velocity = runOne(tf, 'AddN', { T: FLOAT, N: { int: 3 } }, terms);
        slot.parameter.assign(runOne(tf, 'Sub', { T: FLOAT }, [slot.parameter, multiply(velocity, rate)]));
        slot.velocity.assign(velocity);
        slot.step = this.#steps;
      }
    });
  }

  /** `step` as one operation. */
  #stepTogether(parameters: ReadonlyMap<string, Variable>, gradients: Partial<NamedTensorMap>, learningRate: number): void {
    const tf = this.#tf;
    const { momentum, weightDecay, clipNorm = 0 } = this.#options;
    const moved = [...parameters.keys()].flatMap((name) => (gradients[name] === undefined ? [] : [{ slot: this.#current(name), gradient: gradients[name] }]));
    if (moved.length === 0) return;
    tf.tidy(() => {
      const settings = tf.tensor1d([momentum, weightDecay, learningRate, clipNorm]);
      const [before, velocities] = [moved.map(({ slot }) => slot.parameter), moved.map(({ slot }) => slot.velocity)];
      const after = momentumStep(
        tf,
        settings,
        before,
        velocities,
        moved.map(({ gradient }) => gradient),
      );
      for (const [i, { slot }] of moved.entries()) {
        slot.parameter.assign(after[i]!);
        slot.velocity.assign(after[moved.length + i]!);
        slot.step = this.#steps;
      }
    });
  }

  /** The memory of a parameter that lacks this step alone. */
  #current(name: string): Slot {
    const slot = this.#slots.get(name)!;
    if (slot.step !== this.#steps - 1) throw new RangeError(`${name} has missed ${this.#steps - 1 - slot.step} steps: catchUp comes before its use`);
    return slot;
  }

  exportState(): SgdState {
    const slots = [...this.#slots].map(([name, { velocity, step }]) => [name, { velocity: velocity.dataSync<'float32'>().slice(), step }] as const);
    return { rates: this.#rates.map(([rate, count]) => [rate, count]), slots: new Map([...this.#restored, ...slots]) };
  }

  /** Restores an exported state; the parameters themselves are restored by whoever owns them. */
  importState(state: SgdState): void {
    this.dispose();
    this.#rates.push(...state.rates.map(([rate, count]): [number, number] => [rate, count]));
    this.#steps = this.#rates.reduce((sum, [, count]) => sum + count, 0);
    for (const [name, slot] of state.slots) this.#restored.set(name, slot);
  }

  /** Frees the momentum; the parameters stay. */
  dispose(): void {
    for (const { velocity } of this.#slots.values()) velocity.dispose();
    this.#slots.clear();
    this.#restored.clear();
    this.#rates.length = 0;
    this.#steps = 0;
  }

  /** The memory of a parameter that had a gradient before. */
  #slot(name: string, parameter: Variable): Slot | undefined {
    const restored = this.#restored.get(name);
    if (restored !== undefined) {
      const velocity = this.#tf.tidy(() => this.#tf.variable(this.#tf.tensor(restored.velocity, parameter.shape), false));
      this.#slots.set(name, { parameter, velocity, step: restored.step });
      this.#restored.delete(name);
    }
    return this.#slots.get(name);
  }

  #record(learningRate: number): void {
    const last = this.#rates.at(-1);
    if (last?.[0] === learningRate) last[1]++;
    else this.#rates.push([learningRate, 1]);
    this.#steps++;
  }

  /** (p, v) after the steps from `from` on, as combinations of (p, v) before them. */
  #drift(from: number): { toParameter: readonly [number, number]; toVelocity: readonly [number, number] } {
    const { momentum, weightDecay } = this.#options;
    let [pp, pv, vp, vv] = [1, 0, 0, 1];
    let at = 0;
    for (const [rate, count] of this.#rates) {
      for (let i = Math.max(from, at); i < at + count; i++) {
        [vp, vv] = [momentum * vp + weightDecay * pp, momentum * vv + weightDecay * pv];
        [pp, pv] = [pp - rate * vp, pv - rate * vv];
      }
      at += count;
    }
    return { toParameter: [pp, pv], toVelocity: [vp, vv] };
  }

  /** min(1, clipNorm / (norm + 1e-6)), norm over all gradients together (torch.nn.utils.clip_grad_norm_). */
  #clipScale(gradients: readonly Tensor[], clipNorm: number): Tensor | undefined {
    const tf = this.#tf;
    if (gradients.length === 0) return undefined;
    const halves = gradients.map((gradient) => runOne(tf, 'L2Loss', { T: FLOAT }, [gradient])); // sum(g^2) / 2
    const norm = tf.sqrt(tf.mul(runOne(tf, 'AddN', { T: FLOAT, N: { int: halves.length } }, halves), 2));
    return tf.minimum(tf.div(clipNorm, tf.add(norm, 1e-6)), 1);
  }
}

/** Learning rate of step t of T, from `from` down to `to` along half a cosine (Loshchilov and Hutter 2017). */
export function cosineRate(from: number, to: number, t: number, total: number): number {
  return to + ((from - to) * (1 + Math.cos((Math.PI * Math.min(t, total)) / total))) / 2;
}
